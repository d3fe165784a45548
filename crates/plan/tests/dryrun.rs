//! Dry runs as real toolkits print them: read, instantiated, and refused where they do not make sense.

use camino::Utf8Path;
use cuferry_plan::nvcc::{DryRun, Instance};

const TWO_ARCHS: &str = include_str!("data/dryrun-13.0.txt");
const PTX_ONLY: &str = include_str!("data/dryrun-13.0-ptx-only.txt");

fn instance<'a>(source: &'a str, target: &'a str) -> Instance<'a> {
    Instance {
        source: Utf8Path::new(source),
        object: Utf8Path::new("out/a.o"),
        keep: Utf8Path::new("out/a.steps"),
        target,
    }
}

/// One line a step: kind, architecture, files read and written.
fn steps(text: &str) -> String {
    let steps = DryRun::parse(text)
        .expect("a real dry run is understood")
        .instantiate(&instance("src/blur.cu", "app"));
    let line = |step: &cuferry_plan::nvcc::Step| {
        let names = |paths: &[camino::Utf8PathBuf]| {
            paths.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(" ")
        };
        let (kind, arch) = (step.kind.as_str(), step.arch.as_deref().unwrap_or("-"));
        format!("{kind} {arch}: {} -> {}", names(&step.inputs), names(&step.outputs))
    };
    steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn steps_of_two_architectures() {
    insta::assert_snapshot!(steps(TWO_ARCHS));
}

#[test]
fn steps_of_ptx_alone() {
    insta::assert_snapshot!(steps(PTX_ONLY));
}

#[test]
fn no_name_of_the_template_is_left() {
    for text in [TWO_ARCHS, PTX_ONLY] {
        for step in DryRun::parse(text).unwrap().instantiate(&instance("src/blur.cu", "app")) {
            let paths = step.inputs.iter().chain(&step.outputs).map(|path| path.as_str());
            for word in step.args.iter().map(String::as_str).chain(paths) {
                assert!(!word.contains("cuferry-"), "`{word}` in {step:?}");
            }
        }
    }
}

#[test]
fn the_module_id_says_which_unit_it_is_and_not_where() {
    let dry_run = DryRun::parse(TWO_ARCHS).unwrap();
    let id = |source, target| dry_run.module_id(&instance(source, target)).1;
    assert_eq!(id("src/a.cu", "app"), id("src/a.cu", "app"));
    assert_ne!(id("src/a.cu", "app"), id("test/a.cu", "app"), "one name in two folders");
    assert_ne!(id("src/a.cu", "app"), id("src/a.cu", "lib"), "one source in two targets");
    let other_flags = DryRun::parse(&TWO_ARCHS.replace("NDEBUG", "DEBUGGING")).unwrap();
    assert_ne!(
        id("src/a.cu", "app"),
        other_flags.module_id(&instance("src/a.cu", "app")).1,
        "one source, two flag sets"
    );
    let elsewhere = DryRun::parse(&TWO_ARCHS.replace("/opt/cuda", "/home/me/cuda")).unwrap();
    assert_eq!(
        id("src/a.cu", "app"),
        elsewhere.module_id(&instance("src/a.cu", "app")).1,
        "the toolkit elsewhere"
    );
}

#[test]
fn an_unknown_tool_is_refused_by_its_line() {
    let text = format!("{TWO_ARCHS}#$ newtool --with \"cuferry-source.cu\"\n");
    let error = DryRun::parse(&text).unwrap_err();
    assert!(error.line.starts_with("newtool --with"), "{error}");
    for text in
        ["", "#$ ", "nvcc fatal   : Unsupported gpu architecture 'compute_52'", "#$ cicc", "#$ gcc -c -E"]
    {
        assert!(DryRun::parse(text).is_err(), "`{text}` was taken");
    }
}

#[test]
fn a_missing_step_is_refused() {
    let lines: Vec<&str> = TWO_ARCHS.lines().collect();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("cuferry-")) {
        let others = lines.iter().enumerate().filter(|(other, _)| *other != number);
        let text = others.map(|(_, line)| *line).collect::<Vec<_>>().join(
            "
",
        );
        let check_only = line.contains("Filter Dependencies");
        assert_eq!(DryRun::parse(&text).is_ok(), check_only, "without `{line}`");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(#\\$ )?\\PC{0,80}") {
        let _ = DryRun::parse(&text);
    }

    #[test]
    fn a_cut_dry_run_never_panics(place in 0usize..12_000) {
        let mut place = place.min(TWO_ARCHS.len());
        while !TWO_ARCHS.is_char_boundary(place) {
            place -= 1;
        }
        let _ = DryRun::parse(&TWO_ARCHS[..place]);
    }
}
