//! Prints what a folder's project asks for: `cargo run -p cuferry-needs --example needs -- DIR`.
#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_needs::{Needs, Wanted, is_skipped_folder, read, wanted};

fn main() {
    for folder in std::env::args().skip(1) {
        let files = files(Utf8Path::new(&folder));
        let start = std::time::Instant::now();
        let needs = read(files.iter().map(|(path, text)| (path, text)));
        print(&folder, files.len(), start.elapsed(), &needs);
    }
}

fn files(root: &Utf8Path) -> Vec<(Utf8PathBuf, Vec<u8>)> {
    let walk = walkdir::WalkDir::new(root).sort_by_file_name().into_iter();
    let kept = walk.filter_entry(|entry| !entry.file_name().to_str().is_some_and(is_skipped_folder));
    kept.filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| {
            let path = Utf8Path::from_path(entry.path())?.to_owned();
            let limit = match wanted(&path, entry.metadata().ok()?.len()) {
                Wanted::No => return None,
                Wanted::Head => 1024,
                Wanted::Whole => u64::MAX,
            };
            let mut text = Vec::new();
            std::fs::File::open(&path).ok()?.take(limit).read_to_end(&mut text).ok()?;
            Some((path.strip_prefix(root).ok()?.to_owned(), text))
        })
        .collect()
}

fn print(folder: &str, count: usize, took: std::time::Duration, needs: &Needs) {
    println!("== {folder}: {count} files in {took:?}");
    for build in needs.builds.iter().take(4) {
        println!(
            "  build {} in `{}` cuda={} ({}) {:?}",
            build.kind.as_str(),
            build.folder,
            build.cuda,
            build.reasons.join(", "),
            build.kind
        );
    }
    let mut archs: Vec<String> =
        needs.archs.iter().map(|asked| format!("{}@{:?}", asked.arch, asked.when)).collect();
    archs.sort();
    archs.dedup();
    println!("  archs {}", archs.join(" "));
    let candidates = ["11.8", "13.0", "13.5"].map(|release| release.parse().expect("a release"));
    let advice = needs.toolkit(&candidates, &[]);
    println!("  TOOLKIT {}", advice.why().unwrap_or_default());
    for ranked in &advice.order {
        let against: Vec<String> =
            ranked.against.iter().take(6).map(|reason| format!("{:?} {reason}", reason.kind)).collect();
        println!("    {} against: {}", ranked.release, against.join("; "));
    }
    for (name, used) in &needs.libraries {
        println!(
            "  cuda {name}: {} certain={} first {} `{}`",
            used.count,
            used.is_certain(),
            used.places[0].place,
            used.places[0].words
        );
    }
    for (name, used) in &needs.packages {
        println!(
            "  package {name}: {} certain={} first {} `{}`",
            used.count,
            used.is_certain(),
            used.places[0].place,
            used.places[0].words
        );
    }
    for (name, used) in &needs.tegra {
        println!("  tegra {name}: {} arm={} first {}", used.count, used.is_arm_only(), used.places[0].place);
    }
    println!(
        "  paths {:?}",
        needs
            .paths
            .iter()
            .map(|(path, places)| format!("{path} x{}", places.len()))
            .take(12)
            .collect::<Vec<_>>()
    );
    println!("  prefixes {:?}", needs.prefixes.keys().collect::<Vec<_>>());
    for note in needs.notes.iter().take(14) {
        println!("  note {} {} {:?} `{}` {:?}", note.kind.id(), note.place, note.kind, note.words, note.when);
    }
    println!(
        "  lfs {} {:?}; arm files {} {:?}",
        needs.pointers.len(),
        needs.pointers.first(),
        needs.prebuilt.len(),
        needs.prebuilt.first()
    );
}
