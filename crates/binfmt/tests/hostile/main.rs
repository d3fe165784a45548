//! Any bytes, and real files with bytes changed: nothing panics, and what is found lies inside.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of the tests themselves")]

mod exercise;

use proptest::prelude::*;

/// Real files, and the ranges in which a change matters most: headers, tables and tails.
const FILES: &[&[u8]] = &[
    include_bytes!("../data/old-archs.fatbin"),
    include_bytes!("../data/group.fatbin"),
    include_bytes!("../data/lz4.fatbin"),
    include_bytes!("../data/lto.fatbin"),
    include_bytes!("../data/sm_90a-abi7.cubin"),
    include_bytes!("../data/sm_100f.cubin"),
    include_bytes!("../data/sm_80-relocatable.cubin"),
    include_bytes!("../data/store-x86_64.o"),
    include_bytes!("../data/store-rdc-x86_64.o"),
    include_bytes!("../data/offload-x86_64.o"),
    include_bytes!("../data/store.ptx"),
];

/// A change to a file.
#[derive(Clone, Debug)]
enum Change {
    /// Writes a value of 1, 2, 4 or 8 bytes.
    Write(prop::sample::Index, u64, usize),
    /// Flips a bit.
    Flip(prop::sample::Index, u8),
    /// Cuts off the end.
    Cut(prop::sample::Index),
    /// Copies 64 bytes from one place to another.
    Copy(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    // Numbers at which arithmetic goes wrong, and any other.
    let value = prop_oneof![
        Just(0),
        Just(u64::MAX),
        Just(u64::from(u32::MAX)),
        Just(1 << 63),
        0..0x1_0000_u64,
        any::<u64>()
    ];
    prop_oneof![
        4 => (index(), value, prop::sample::select(vec![1_usize, 2, 4, 8]))
            .prop_map(|(place, value, width)| Change::Write(place, value, width)),
        4 => (index(), 0..8_u8).prop_map(|(place, bit)| Change::Flip(place, bit)),
        1 => index().prop_map(Change::Cut),
        1 => (index(), index()).prop_map(|(from, to)| Change::Copy(from, to)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match change {
        Change::Write(place, value, width) => {
            let place = place.index(length);
            for (byte, value) in bytes[place..].iter_mut().zip(&value.to_le_bytes()[..*width]) {
                *byte = *value;
            }
        }
        Change::Flip(place, bit) => bytes[place.index(length)] ^= 1 << bit,
        Change::Cut(place) => bytes.truncate(place.index(length)),
        Change::Copy(from, to) => {
            let (from, to) = (from.index(length), to.index(length));
            let size = 64.min(length - from.max(to));
            bytes.copy_within(from..from + size, to);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn survives_any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        start in prop::sample::select(vec![
            b"".as_slice(),
            b"\x7fELF\x02\x01\x01\x41\x08\0\0\0\0\0\0\0\x02\0\xbe\0",
            b"\x7fELF\x01\x01\x01\x33\x07\0\0\0\0\0\0\0\x02\0\xbe\0",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0",
            b"\x50\xed\x55\xba\x01\0\x10\0",
            b"\x50\xed\x55\xba\x01\0\x10\0\xff\xff\0\0\0\0\0\0\x02\0\x01\x01\x40\0\0\0",
            b"\x50\xed\x55\xba\x01\0\x10\0\xff\xff\0\0\0\0\0\0\0\x01\x01\x01\x40\0\0\0",
            b"\x10\xff\x10\xad\x02\0\0\0",
            b"!<arch>\n",
            b".version 8.0 .target ",
        ]),
    ) {
        exercise::any(&[start, &bytes].concat());
    }

    #[test]
    fn survives_changes_to_real_files(
        file in prop::sample::select(FILES),
        changes in prop::collection::vec(change(), 1..10),
    ) {
        let mut bytes = file.to_vec();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        exercise::any(&bytes);
    }

    /// Changes where they hurt: in the first bytes, and in the section table at the end.
    #[test]
    fn survives_changes_to_headers(
        file in prop::sample::select(FILES),
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let middle = file.len().saturating_sub(1024).max(128).min(file.len());
        let (head, rest) = file.split_at(128);
        let (body, tail) = rest.split_at(middle - 128);
        let mut ends = [head, tail].concat();
        changes.iter().filter(|change| !matches!(change, Change::Cut(_))).for_each(|change| apply(&mut ends, change));
        exercise::any(&[&ends[..128], body, &ends[128..]].concat());
    }
}
