//! Wheels as a test wants them, well-formed or not: a zip writer that does not mind.

/// One entry of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
    /// Unix mode, kind included.
    pub(crate) mode: u32,
    /// The unpacked size that the headers state.
    pub(crate) stated: u32,
    /// General purpose flags; bit 0 is encryption.
    pub(crate) flags: u16,
}

impl Entry {
    pub(crate) fn file(name: &str, content: &str) -> Self {
        let stated = u32::try_from(content.len()).unwrap();
        Self { name: name.to_owned(), content: content.into(), mode: 0o100_644, stated, flags: 0 }
    }
}

/// The archive: every entry stored, local headers and central directory in agreement (APPNOTE.TXT, 4.3).
pub(crate) fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = u32::try_from(archive.len()).unwrap();
        let length = u32::try_from(entry.content.len()).unwrap();
        let name_length = u16::try_from(entry.name.len()).unwrap();
        // Version, flags, method (stored), time, date.
        let mut common = Vec::new();
        for value in [20, entry.flags, 0, 0, 33] {
            common.extend(u16::to_le_bytes(value));
        }
        for value in [crc32(&entry.content), length, entry.stated] {
            common.extend(u32::to_le_bytes(value));
        }
        common.extend(name_length.to_le_bytes());
        common.extend([0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(entry.name.as_bytes());
        archive.extend(&entry.content);
        directory.extend(b"PK\x01\x02");
        directory.extend([20, 3]); // made on Unix
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let start = u32::try_from(archive.len()).unwrap();
    let length = u32::try_from(directory.len()).unwrap();
    let count = u16::try_from(entries.len()).unwrap();
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(length.to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0, 0]);
    archive
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}
