use fastdiff::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let mut o = ScanOptions::new([&a[1]]);
    o.racy_window = Some(std::time::Duration::ZERO);
    if a.len() > 3 {
        o.walker = WalkerKind::Portable;
    }
    let m = Collected::default();
    let r = scan(&o, None, std::path::Path::new(&a[2]), &m);
    println!("{r:?}");
    for w in m.into_warnings() {
        println!("{w}");
    }
    let s = Snapshot::open(&a[2]).unwrap();
    println!("{:?} {:?}", s.verify(), s.meta());
}
