//! Names of Windows as bytes, and back. There a name is any sequence of 16-bit units, most often UTF-16; as bytes it is
//! WTF-8 (<https://simonsapin.github.io/wtf-8/>): UTF-8, in which a surrogate without its partner takes three bytes.

use bstr::ByteSlice as _;

/// Adds a name to bytes.
pub(crate) fn push_wide(bytes: &mut Vec<u8>, wide: impl IntoIterator<Item = u16>) {
    for unit in char::decode_utf16(wide) {
        match unit {
            Ok(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let unit = lone.unpaired_surrogate();
                bytes.extend_from_slice(&[
                    0xe0 | (unit >> 12) as u8,
                    0x80 | (unit >> 6 & 0x3f) as u8,
                    0x80 | (unit & 0x3f) as u8,
                ]);
            }
        }
    }
}

/// The units of a name; none if the bytes are not what [`push_wide`] makes of any name.
pub(crate) fn to_wide(bytes: &[u8]) -> Option<Vec<u16>> {
    let mut wide = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        if let Some(unit) = surrogate(rest) {
            // A pair in six bytes would come back in four.
            let is_second_of_pair = is_low(unit) && wide.last().is_some_and(|last| (0xd800..0xdc00).contains(last));
            if is_second_of_pair && ends_in_surrogate(&bytes[..bytes.len() - rest.len()]) {
                return None;
            }
            wide.push(unit);
            rest = &rest[3..];
            continue;
        }
        let (c, len) = bstr::decode_utf8(rest);
        wide.extend_from_slice(c?.encode_utf16(&mut [0; 2]));
        rest = &rest[len..];
    }
    Some(wide)
}

fn is_low(unit: u16) -> bool {
    (0xdc00..0xe000).contains(&unit)
}

/// A surrogate that begins here.
fn surrogate(bytes: &[u8]) -> Option<u16> {
    match *bytes {
        [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..] => {
            Some(0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f))
        }
        _ => None,
    }
}

fn ends_in_surrogate(bytes: &[u8]) -> bool {
    bytes.len() >= 3 && surrogate(bytes[bytes.len() - 3..].as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes_of(wide: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_wide(&mut bytes, wide.iter().copied());
        bytes
    }

    #[test]
    fn text_is_utf8_and_a_lone_surrogate_has_three_bytes() {
        let wide: Vec<u16> = "münchen 😀".encode_utf16().collect();
        assert_eq!(bytes_of(&wide), "münchen 😀".as_bytes());
        assert_eq!(bytes_of(&[0xd83d]), [0xed, 0xa0, 0xbd]);
        assert_eq!(bytes_of(&[0xdc00, 0xd800]), [0xed, 0xb0, 0x80, 0xed, 0xa0, 0x80]);
    }

    #[test]
    fn what_no_name_gives_is_none() {
        for bytes in [&b"\xff"[..], b"a\xc3", b"\xed\xa0\xbd\xed\xb8\x80", b"\xc0\x80", b"\xf5\x80\x80\x80"] {
            assert_eq!(to_wide(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_units_come_back(wide in prop::collection::vec(prop_oneof![
            any::<u16>(), 0xd7f0..0xe010_u16, 0..0x80_u16,
        ], 0..12)) {
            prop_assert_eq!(to_wide(&bytes_of(&wide)), Some(wide));
        }

        #[test]
        fn any_bytes_that_have_units_come_back(bytes in prop::collection::vec(prop_oneof![
            any::<u8>(), Just(0xed), Just(0xa0), Just(0xbd), Just(0xb8), Just(0x80),
        ], 0..12)) {
            if let Some(wide) = to_wide(&bytes) {
                prop_assert_eq!(bytes_of(&wide), bytes);
            }
        }
    }
}
