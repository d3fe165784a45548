//! The records of `.nv.info`, `.nv.info.FUNCTION` and `.nv.compat`: format u8, number u8, and what the format says.

use crate::cursor::Cursor;

/// `EIATTR_MAX_THREADS`: three u32.
pub(crate) const MAX_THREADS: u8 = 0x05;
/// `EIATTR_PARAM_CBANK`: symbol, then offset and size in the bank.
pub(crate) const PARAM_CBANK: u8 = 0x0a;
/// `EIATTR_REQNTID`: three u32.
pub(crate) const REQNTID: u8 = 0x10;
/// `EIATTR_MIN_STACK_SIZE`: symbol, bytes.
pub(crate) const MIN_STACK_SIZE: u8 = 0x12;
/// `EIATTR_KPARAM_INFO`
pub(crate) const KPARAM_INFO: u8 = 0x17;
/// `EIATTR_CBANK_PARAM_SIZE`: bytes.
pub(crate) const CBANK_PARAM_SIZE: u8 = 0x19;
/// `EIATTR_MAXREG_COUNT`
pub(crate) const MAXREG_COUNT: u8 = 0x1b;
/// `EIATTR_REGCOUNT`: symbol, registers.
pub(crate) const REGCOUNT: u8 = 0x2f;
/// `EIATTR_CUDA_API_VERSION`: the release times ten.
pub(crate) const CUDA_API_VERSION: u8 = 0x37;
/// `EIATTR_CTA_PER_CLUSTER`: three u32.
pub(crate) const CTA_PER_CLUSTER: u8 = 0x3d;
/// `EIATTR_EXPLICIT_CLUSTER`
pub(crate) const EXPLICIT_CLUSTER: u8 = 0x3e;
/// `EIATTR_KPARAM_INFO_V2`
pub(crate) const KPARAM_INFO_V2: u8 = 0x45;
/// `EIATTR_NUM_BARRIERS`
pub(crate) const NUM_BARRIERS: u8 = 0x4c;
/// `EICOMPAT_ATTR_CUDA_ACCELERATOR_TARGET`: 1 for `sm_90a`.
pub(crate) const COMPAT_ACCELERATOR_TARGET: u8 = 9;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'data> {
    /// Its number: an `EIATTR_*` or an `EICOMPAT_ATTR_*`.
    pub id: u8,
    /// Its value.
    pub value: Value<'data>,
}

/// A record's value, by its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'data> {
    /// `EIFMT_NVAL`: none.
    None,
    /// `EIFMT_BVAL`
    Byte(u8),
    /// `EIFMT_HVAL`
    Half(u16),
    /// `EIFMT_SVAL`
    Bytes(&'data [u8]),
}

/// The records of a section. They end where one is cut off or of a format that doesn't exist.
#[derive(Clone, Debug)]
pub struct Attributes<'data> {
    cursor: Cursor<'data>,
}

impl<'data> Attributes<'data> {
    /// The records in these bytes: of a section, or of [`Entry::compat`](crate::fatbin::Entry::compat).
    pub fn new(bytes: &'data [u8]) -> Self {
        Self { cursor: Cursor::new(bytes) }
    }
}

impl<'data> Iterator for Attributes<'data> {
    type Item = Attribute<'data>;

    fn next(&mut self) -> Option<Self::Item> {
        let (format, id) = (self.cursor.u8()?, self.cursor.u8()?);
        let value = match format {
            1 => self.cursor.u16().map(|_| Value::None)?,
            2 => Value::Byte(self.cursor.u16()?.to_le_bytes()[0]),
            3 => Value::Half(self.cursor.u16()?),
            4 => {
                let size = self.cursor.u16()?;
                Value::Bytes(self.cursor.take(size.into())?)
            }
            _ => return None,
        };
        Some(Attribute { id, value })
    }
}

impl<'data> Value<'data> {
    /// A byte or a half as a number; of bytes, the first word.
    pub fn number(&self) -> Option<u32> {
        match self {
            Self::None => None,
            Self::Byte(value) => Some((*value).into()),
            Self::Half(value) => Some((*value).into()),
            Self::Bytes(bytes) => Cursor::new(bytes).u32(),
        }
    }

    pub(crate) fn cursor(&self) -> Cursor<'data> {
        match self {
            Self::Bytes(bytes) => Cursor::new(bytes),
            _ => Cursor::new(&[]),
        }
    }

    /// Three words: an extent in x, y and z.
    pub(crate) fn extent(&self) -> Option<[u32; 3]> {
        let mut cursor = self.cursor();
        Some([cursor.u32()?, cursor.u32()?, cursor.u32()?])
    }
}
