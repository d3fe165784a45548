//! Whole plans of small projects: what is compiled, linked and changed.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use cuferry_arch::{CudaRelease, DeviceCode, GpuArch, Host};
use cuferry_graph::{ActionKind, Work, dump};
use cuferry_plan::{Note, Plan, PlanError, Settings, Toolchain, prepare};
use cuferry_project::project::{BuildTarget, ImageSpec, Language, Project, Source, TargetKind};
use cuferry_toolchain::compiler::{CompilerVersion, Family, HostCompiler};
use cuferry_toolchain::toolkit::{Toolkit, ToolkitOrigin};

const DRY_RUN: &str = include_str!("data/dryrun-13.0.txt");

fn settings() -> Settings {
    Settings {
        host: Host::X86_64,
        code: DeviceCode { real: [GpuArch::base(80)].into(), ptx: [GpuArch::base(80)].into() },
        toolchain: Toolchain {
            toolkit: Toolkit {
                release: CudaRelease::new(13, 0),
                identity: "test".to_owned(),
                root: "/opt/cuda".into(),
                origin: ToolkitOrigin::Folder,
            },
            compiler: HostCompiler {
                family: Family::Gcc,
                path: "/usr/bin/g++-12".into(),
                version: CompilerVersion { major: 12, minor: 2, patch: 0 },
                host: Host::X86_64,
            },
            archiver: "/usr/bin/ar".into(),
            library_include: Vec::new(),
            library_dirs: Vec::new(),
        },
        pkg_config: BTreeMap::new(),
        build_dir: "build".into(),
        bin_dir: "bin".into(),
        env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
    }
}

fn target(name: &str, kind: TargetKind, sources: &[&str]) -> BuildTarget {
    let language = |path: &str| match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("cu") => Language::Cuda,
        Some("c") => Language::C,
        _ => Language::Cxx,
    };
    BuildTarget {
        name: name.to_owned(),
        kind,
        sources: sources
            .iter()
            .map(|path| Source { path: Utf8PathBuf::from(*path), language: language(path) })
            .collect(),
        include: Vec::new(),
        defines: Vec::new(),
        std: None,
        host_flags: Vec::new(),
        device_flags: Vec::new(),
        link_flags: Vec::new(),
        relocatable_device_code: false,
        uses: Vec::new(),
        cuda_libraries: Vec::new(),
        pkg_config: Vec::new(),
        link: Vec::new(),
        link_dirs: Vec::new(),
    }
}

fn project(targets: Vec<BuildTarget>) -> Project {
    Project {
        name: "sample".to_owned(),
        version: None,
        toolkit: None,
        host_compiler: None,
        gpu: None,
        embed_ptx: true,
        targets,
        install: Vec::new(),
        image: ImageSpec::default(),
    }
}

fn plan(project: &Project, settings: &Settings, dry_run: &str) -> Result<Plan, PlanError> {
    let prepared = prepare(project, settings)?;
    let answers = prepared.dry_runs().into_iter().map(|args| (args, dry_run.to_owned())).collect();
    prepared.plan(&answers)
}

/// One line an action.
fn lines(plan: &Plan) -> String {
    let line = |action: &cuferry_graph::Action| {
        format!("{} {} -> {}", action.kind.as_str(), action.label, action.outputs[0])
    };
    plan.graph.actions().map(|(_, action)| line(action)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_library_and_a_program_with_relocatable_device_code() {
    let mut library = target("kernels", TargetKind::StaticLibrary, &["lib/a.cu", "lib/b.cpp"]);
    library.relocatable_device_code = true;
    let mut program = target("app", TargetKind::Program, &["main.cu"]);
    program.relocatable_device_code = true;
    program.uses = vec!["kernels".to_owned()];
    program.cuda_libraries = vec!["cublas".to_owned()];
    let plan = plan(&project(vec![library, program]), &settings(), DRY_RUN).unwrap();
    insta::assert_snapshot!(lines(&plan));
    let links: Vec<String> = dump::text(&plan.graph)
        .split("\n[")
        .filter(|text| {
            text.contains("] device-link") || text.contains("] link") || text.contains("] archive")
        })
        .map(str::to_owned)
        .collect();
    insta::assert_snapshot!("links", links.join("\n["));
}

#[test]
fn without_an_understood_dry_run_nvcc_compiles_the_whole_file_and_that_is_said() {
    let plan =
        plan(&project(vec![target("app", TargetKind::Program, &["main.cu"])]), &settings(), "#$ strange")
            .unwrap();
    assert_eq!(plan.notes, [Note::WholeFile { target: "app".to_owned(), line: "strange".to_owned() }]);
    let (_, compile) = plan.graph.actions().next().unwrap();
    assert_eq!(compile.kind, ActionKind::CudaCompile);
    let Work::Run(command) = &compile.work else { panic!("a command") };
    assert_eq!(command.program, "/opt/cuda/bin/nvcc");
    assert!(
        command.args.windows(2).any(|pair| pair == ["-gencode", "arch=compute_80,code=[sm_80,compute_80]"])
    );
}

#[test]
fn flags_of_the_arm_build_are_translated_and_recorded_once() {
    let mut first = target("first", TargetKind::Program, &["a.cpp"]);
    first.host_flags = vec!["-mcpu=cortex-a78ae".to_owned(), "-O3".to_owned()];
    let mut second = target("second", TargetKind::Program, &["b.cpp"]);
    second.host_flags = first.host_flags.clone();
    let plan = plan(&project(vec![first, second]), &settings(), "").unwrap();
    let changes: Vec<_> =
        plan.changes.iter().map(|change| (change.was.as_str(), change.now.as_str())).collect();
    assert_eq!(changes, [("-mcpu=cortex-a78ae", "-march=x86-64-v3 -mtune=generic")]);
    let command = &plan.compile_commands[0];
    assert!(command.arguments.contains(&"-march=x86-64-v3".to_owned()), "{command:?}");
    assert!(!command.arguments.iter().any(|word| word == "-O2" || word.contains("cortex")), "{command:?}");
}

#[test]
fn a_standard_too_old_for_cuda_13_is_raised_for_cuda_sources_only() {
    let mut program = target("app", TargetKind::Program, &["a.cu", "b.cpp"]);
    program.std = Some("c++11".to_owned());
    let plan = plan(&project(vec![program]), &settings(), DRY_RUN).unwrap();
    assert_eq!(plan.changes[0].rule, "CF2100");
    assert!(plan.compile_commands[0].arguments.contains(&"-std=c++17".to_owned()));
    assert!(plan.compile_commands[1].arguments.contains(&"-std=c++11".to_owned()));
}

#[test]
fn the_same_project_gives_the_same_plan_and_toolkit_paths_stay_out_of_objects() {
    let sample = project(vec![target("app", TargetKind::Program, &["a.cpp", "b.cu", "c.c"])]);
    let text = |plan: Plan| dump::text(&plan.graph);
    let first = text(plan(&sample, &settings(), DRY_RUN).unwrap());
    assert_eq!(first, text(plan(&sample, &settings(), DRY_RUN).unwrap()));
    assert!(first.contains("-ffile-prefix-map=/opt/cuda=/usr/local/cuda"));
    assert!(first.contains("-x c"), "a C source is compiled as C");
}

#[test]
fn two_targets_that_write_one_file_are_refused() {
    let mut shared = target("a", TargetKind::Program, &["a.cpp"]);
    shared.name = "a".to_owned();
    let twice = project(vec![shared.clone(), shared]);
    assert!(matches!(plan(&twice, &settings(), ""), Err(PlanError::Graph(_))));
}

#[test]
fn line_tables_hold_times_and_that_is_said() {
    let mut program = target("app", TargetKind::Program, &["a.cu"]);
    program.device_flags = vec!["-lineinfo".to_owned()];
    let plan = plan(&project(vec![program]), &settings(), DRY_RUN).unwrap();
    assert_eq!(plan.notes, [Note::LineTable { target: "app".to_owned(), flag: "-lineinfo".to_owned() }]);
}

#[test]
fn an_unreadable_flag_names_its_target() {
    let mut program = target("app", TargetKind::Program, &["a.cu"]);
    program.device_flags = vec!["-gencode".to_owned(), "sm_87".to_owned()];
    let error = plan(&project(vec![program]), &settings(), "").unwrap_err();
    assert_eq!(error.to_string(), "target `app`");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("-gencode sm_87"));
}
