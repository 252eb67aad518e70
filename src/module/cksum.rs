//! The checksum of POSIX `cksum`, so that a host can compare a file's content without being sent it.

/// `CRC SIZE`, as `cksum <FILE` prints it (POSIX.1-2017, `cksum`: CRC-32 of ISO/IEC 8802-3 over the content and then
/// its length, least byte first).
pub(super) fn cksum(bytes: &[u8]) -> String {
    let length = bytes.len().to_le_bytes();
    let significant = length.len() - length.iter().rev().take_while(|byte| **byte == 0).count();
    let crc = bytes.iter().chain(&length[..significant]).fold(0_u32, |crc, &byte| step(crc, byte));
    format!("{} {}", !crc, bytes.len())
}

fn step(crc: u32, byte: u8) -> u32 {
    (0..8).fold(crc ^ (u32::from(byte) << 24), |crc, _| {
        if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
    })
}

#[cfg(test)]
mod tests {
    use super::cksum;

    #[test]
    fn it_is_what_cksum_prints() {
        assert_eq!(cksum(b""), "4294967295 0");
        assert_eq!(cksum(b"reveille\n"), "166325877 9");
        assert_eq!(cksum(&[0xff; 300]), "1718880618 300");
    }
}
