//! Names of entries: short ones that collide, of any bytes that a name can hold.

use proptest::prelude::*;

/// Names with characters that are special for tree order and quoting.
const PLAIN: [&str; 10] = ["a", "b", "c", "a-b", "a.b", "a b", "ab", "A", ".a", "-"];
const ODD: [&str; 8] = ["a ", "\"", "é", "a\\", "*", "--x", "a\tb", "#a"];
const RAW: [&[u8]; 6] = [b"a\n", b"\xff", b"a\xff", b"a:b", b"\r", b"\x01"];

/// Any name.
pub(crate) fn any_name() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        6 => sayable_name(),
        2 => proptest::sample::select(&RAW[..]).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any_name_byte(), 1..5).prop_filter("not a name", |n| is_name(n)),
    ]
    .boxed()
}

/// Names that a list for Duplicati can hold: UTF-8, without colon and line break.
pub(crate) fn sayable_name() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        5 => proptest::sample::select(&PLAIN[..]),
        1 => proptest::sample::select(&ODD[..]),
    ]
    .prop_map(|name| name.as_bytes().to_vec())
    .boxed()
}

fn any_name_byte() -> impl Strategy<Value = u8> {
    any::<u8>().prop_filter("NUL and / end names", |b| !matches!(b, 0 | b'/'))
}

fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"." | b"..")
}
