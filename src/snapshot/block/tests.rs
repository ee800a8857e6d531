//! What goes into a block comes out of it, and no bytes make it panic.

use proptest::prelude::*;

use super::*;

fn encode(children: &[Child<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    super::encode(children.iter().copied(), &mut out);
    out
}

prop_compose! {
    fn time()(
        sec in prop_oneof![any::<i64>(), 1_600_000_000..1_800_000_000_i64],
        nsec in 0..1_000_000_000_u32,
    ) -> Time {
        Time::new(sec, nsec)
    }
}

prop_compose! {
    fn stat()(
        mode: u16,
        nlink: u32,
        uid in 0..3000_u32,
        gid: u32,
        ino: u64,
        size: u64,
        mtime in time(),
        ctime in time(),
        birth: u32,
    ) -> Stat {
        Stat { mode, nlink, uid, gid, ino, size, mtime, ctime, birth }
    }
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        rows in prop::collection::btree_map(prop::collection::vec(1..=255_u8, 1..40), (stat(), any::<u8>()), 0..40)
    ) {
        let children: Vec<_> = rows
            .iter()
            .map(|(name, (stat, flags))| Child { name, stat: *stat, flags: Flags::from_bits_retain(*flags) })
            .collect();
        let bytes = encode(&children);
        let block = Block::parse(&bytes).expect("own block");
        prop_assert_eq!(block.len(), children.len());
        prop_assert_eq!(block.children().collect::<Vec<_>>(), children);
    }

    #[test]
    fn a_patched_block_is_the_packed_one(
        rows in prop::collection::vec((stat(), any::<u8>()), 1..20),
        patches in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..12_u32), 0..4),
        size: u64,
    ) {
        let names: Vec<_> = (0..rows.len()).map(|i| format!("{i:03}")).collect();
        let mut children: Vec<_> = rows.iter().zip(&names)
            .map(|((s, f), n)| Child { name: n.as_bytes(), stat: *s, flags: Flags::from_bits_retain(*f) }).collect();
        let before = encode(&children);
        let mut patched = std::collections::BTreeMap::new();
        for (to, from, bits) in patches {
            // Values of others fit into their widths more often than not; some sizes do not.
            let (to, from) = (to.index(rows.len()), from.index(rows.len()));
            children[to].stat = children[from].stat;
            children[to].stat.size = if bits == 0 { size } else { children[to].stat.size ^ u64::from(bits) };
            patched.insert(to as u32, children[to]);
        }
        let patches: Vec<_> = patched.into_iter().collect();
        let block = Block::parse_rows(&before).expect("own block");
        if let Some(after) = block.patched(&before, &patches) {
            prop_assert_eq!(after, encode(&children));
        }
    }

    #[test]
    fn equal_rows_are_counted_as_one_by_one(
        rows in prop::collection::vec(0..3_u64, 1..200),
        changes in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        starts in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        limit in 0..200_usize,
        width in 0..8_u32,
    ) {
        let names: Vec<_> = (0..rows.len()).map(|i| format!("{i:03}")).collect();
        // The largest values are at both ends, so that the layout stays.
        let size = |value: u64| (value << (8 * width)) | u64::from(width > 0);
        let child = |(i, value): (usize, &u64)| Child {
            name: names[i].as_bytes(),
            stat: Stat { size: size(if i == 0 { 3 } else { *value }), ..Stat::default() },
            flags: Flags::empty(),
        };
        let a: Vec<_> = rows.iter().enumerate().map(child).collect();
        let mut b = a.clone();
        for change in changes {
            let at = change.index(b.len());
            b[at].stat.size = size(if at == 0 { 3 } else { 2 });
        }
        let (a_bytes, b_bytes) = (encode(&a), encode(&b));
        let block = |bytes| Block::parse(bytes).expect("own block");
        let (a_block, b_block) = (block(&a_bytes), block(&b_bytes));
        prop_assert!(Pairing::new(&a_block, &b_block).same_layout);
        let (from, to) = (starts.0.index(a.len()), starts.1.index(b.len()));
        let one_by_one = a[from..].iter().zip(&b[to..]).take(limit).take_while(|(a, b)| a.stat == b.stat).count();
        prop_assert_eq!(Pairing::equal_rows(&a_block, from, &b_block, to, limit), one_by_one);
    }

    #[test]
    fn names_are_passed_and_compared_as_one_by_one(
        names in prop::collection::vec(prop::collection::vec(b'a'..=b'c', 1..40), 1..60),
        change in any::<prop::sample::Index>(),
        passed in any::<prop::sample::Index>(),
        count in any::<prop::sample::Index>(),
    ) {
        let joined =
            |names: &[Vec<u8>]| names.iter().flat_map(|name| name.iter().copied().chain([0])).collect::<Vec<_>>();
        let mut others = names.clone();
        let at = change.index(names.len());
        others[at].push(b'd');
        let (bytes, other_bytes) = (joined(&names), joined(&others));
        let (mut a, mut b) = (Names(&bytes), Names(&other_bytes));
        let passed = passed.index(names.len() + 1);
        a.skip_names(passed);
        b.skip_names(passed);
        prop_assert_eq!(a.clone().collect::<Vec<_>>(), names[passed..].iter().map(Vec::as_slice).collect::<Vec<_>>());
        let count = count.index(names.len() - passed + 1);
        let same = if at < passed { count } else { count.min(at - passed) };
        prop_assert_eq!(a.equal(&b, count), same);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(block) = Block::parse(&bytes) {
            prop_assert_eq!(block.children().count(), block.len());
        }
    }

    #[test]
    fn no_cut_or_flip_makes_it_panic(
        rows in prop::collection::vec(stat(), 1..20),
        cut: prop::sample::Index,
        flip: prop::sample::Index,
    ) {
        let names: Vec<_> = (0..rows.len()).map(|i| format!("{i:03}")).collect();
        let children: Vec<_> = rows.iter().zip(&names)
            .map(|(s, n)| Child { name: n.as_bytes(), stat: *s, flags: Flags::empty() }).collect();
        let mut bytes = encode(&children);
        prop_assert!(Block::parse(&bytes[..cut.index(bytes.len())]).is_none_or(|b| b.children().count() == b.len()));
        let at = flip.index(bytes.len() * 8);
        bytes[at / 8] ^= 1 << (at % 8);
        prop_assert!(Block::parse(&bytes).is_none_or(|b| b.children().count() == b.len()));
    }
}

#[test]
fn format_md_names_the_fields_and_flags() {
    let page = include_str!("../../../FORMAT.md");
    let table = page.split("The fields, in order:").nth(1).and_then(|t| t.split("The flags").next()).expect("a table");
    let names: Vec<_> = table.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(names, FIELDS);
    let bits = page.split("| bit | flag |").nth(1).and_then(|t| t.split("*Rationale*").next()).expect("a table");
    let names: Vec<_> = bits
        .lines()
        .filter_map(|l| {
            let mut cells = l.split('|').map(str::trim).skip(1);
            let bit: u8 = cells.next()?.parse().ok()?;
            Some((bit, cells.next()?.to_uppercase().replace(' ', "_")))
        })
        .collect();
    let flags: Vec<_> =
        Flags::all().iter_names().map(|(n, f)| (f.bits().trailing_zeros() as u8, n.to_owned())).collect();
    assert_eq!(names, flags);
}

#[test]
fn equal_values_cost_nothing() {
    let stat = Stat { mode: 0o100_644, uid: 1000, gid: 1000, nlink: 1, ..Stat::default() };
    let names: Vec<_> = (0..100).map(|i| format!("{i:03}")).collect();
    let children: Vec<_> = names.iter().map(|n| Child { name: n.as_bytes(), stat, flags: Flags::empty() }).collect();
    assert!(encode(&children).len() < 100 * 4 + 50);
}

#[test]
fn no_children_no_bytes() {
    assert!(encode(&[]).is_empty());
    assert_eq!(Block::parse(&[]).expect("empty").len(), 0);
}

#[test]
fn a_patch_that_fits_is_made() {
    let stat = Stat { size: 300, ino: 7, nlink: 1, ..Stat::default() };
    let names: Vec<_> = (0..9).map(|i| format!("{i}")).collect();
    let mut children: Vec<_> = (0..9)
        .map(|i| Child { name: names[i].as_bytes(), stat: Stat { ino: 7 + i as u64, ..stat }, flags: Flags::empty() })
        .collect();
    let before = encode(&children);
    let patch = |size| {
        let child = Child { stat: Stat { size, ..children[4].stat }, ..children[4] };
        (child, Block::parse_rows(&before).expect("own block").patched(&before, &[(4, child)]))
    };
    assert_eq!(patch(70_000).1, None, "three bytes");
    let (child, patched) = patch(500);
    children[4] = child;
    assert_eq!(patched, Some(encode(&children)));
}
