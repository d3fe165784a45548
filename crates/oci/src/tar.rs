//! The tar format (POSIX.1-2001, "ustar" and "pax"), by hand: writing needs exact bytes, reading needs firm limits.

pub(crate) mod read;
pub(crate) mod write;

/// Everything in a tar is padded to this, in bytes.
pub(crate) const BLOCK: usize = 512;

/// Bytes of padding after `size` bytes of content.
pub(crate) fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).expect("less than a block");
    if over == 0 { 0 } else { BLOCK - over }
}
