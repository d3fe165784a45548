//! The plan: every source compiled, every library archived or linked, every program linked, as one graph.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::select::GpuRequest;
use cuferry_arch::{CudaRelease, Host};
use cuferry_graph::{Action, ActionKind, Command, Graph, GraphError, Work};
use cuferry_project::project::{BuildTarget, Language, Project, Source, TargetKind};
use cuferry_translate::{
    Change, GPU_RULE, Scope, TranslateError, Translated, translate_device, translate_host, translate_link,
};
use miette::Diagnostic;
use thiserror::Error;

use crate::nvcc::{self, DryRun, Instance};
use crate::{CompileCommand, Settings};

/// Flags of nvcc that make ptxas write line tables.
const LINE_TABLE_FLAGS: [&str; 4] = ["-lineinfo", "--generate-line-info", "-G", "--device-debug"];

/// A project that cannot be planned.
#[derive(Debug, Error, Diagnostic)]
pub enum PlanError {
    /// A flag of a target.
    #[error("target `{target}`")]
    #[diagnostic(
        code(plan::flag),
        help("correct the flag in the target's `device-flags`, `host-flags` or `link-flags`")
    )]
    Flag {
        /// Whose.
        target: String,
        /// What is wrong.
        #[source]
        source: TranslateError,
    },
    /// Two files of one name, or a ring.
    #[error("the build contradicts itself")]
    #[diagnostic(
        code(plan::graph),
        help("give targets different names, and list no source twice in one target")
    )]
    Graph(#[from] GraphError),
    /// A pkg-config module that nobody asked pkg-config about.
    #[error("no answer from pkg-config for `{module}`")]
    #[diagnostic(code(plan::pkg_config))]
    PkgConfig {
        /// The module.
        module: String,
    },
}

/// Something that a user should know of, though it hinders nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// nvcc warned of the flags themselves.
    Nvcc {
        /// Whose flags.
        target: String,
        /// nvcc's words.
        warning: String,
    },
    /// ptxas writes the modification times of sources into the line tables that the flags ask for, so that two
    /// checkouts differ.
    LineTable {
        /// Whose flags.
        target: String,
        /// The flag that asks for line tables.
        flag: String,
    },
    /// nvcc's steps could not be planned: nvcc is used as one step, and its objects are not reproducible.
    WholeFile {
        /// Whose flags.
        target: String,
        /// The line that was not understood.
        line: String,
    },
}

/// A finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The target's name.
    pub name: String,
    /// What it is.
    pub kind: TargetKind,
    /// Where it is written: relative to the project's folder, or absolute.
    pub path: Utf8PathBuf,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The actions.
    pub graph: Graph,
    /// What comes out, in the project's order.
    pub products: Vec<Product>,
    /// Every difference between the project's flags and those used, once each.
    pub changes: Vec<Change>,
    /// What else is worth knowing.
    pub notes: Vec<Note>,
    /// For editors and analysers.
    pub compile_commands: Vec<CompileCommand>,
}

/// A project with its flags translated, waiting for nvcc's dry runs.
#[derive(Clone, Debug)]
pub struct Prepared<'a> {
    project: &'a Project,
    settings: &'a Settings,
    flags: Vec<TargetFlags>,
    changes: Vec<Change>,
}

/// One target's flags, ready to use.
#[derive(Clone, Debug)]
struct TargetFlags {
    /// For C and C++.
    host: Vec<String>,
    /// For nvcc, without names of files.
    device: Vec<String>,
    /// For the link.
    link: Vec<String>,
}

/// The architectures that the project's own nvcc flags name.
pub fn arm_archs(project: &Project) -> Result<Vec<GpuRequest>, PlanError> {
    let mut archs = BTreeSet::new();
    for target in &project.targets {
        let flag = |source| PlanError::Flag { target: target.name.clone(), source };
        archs.extend(translate_device(&target.device_flags, Host::X86_64).map_err(flag)?.archs);
    }
    Ok(archs.into_iter().collect())
}

/// Translates every target's flags.
pub fn prepare<'a>(project: &'a Project, settings: &'a Settings) -> Result<Prepared<'a>, PlanError> {
    let mut changes = BTreeSet::new();
    let mut flags = Vec::new();
    for target in &project.targets {
        flags.push(target_flags(target, settings, &mut changes)?);
    }
    Ok(Prepared { project, settings, flags, changes: changes.into_iter().collect() })
}

fn target_flags(
    target: &BuildTarget,
    settings: &Settings,
    changes: &mut BTreeSet<Change>,
) -> Result<TargetFlags, PlanError> {
    let mut take = |translated: Result<Translated, TranslateError>| {
        let translated =
            translated.map_err(|source| PlanError::Flag { target: target.name.clone(), source })?;
        changes.extend(translated.changes.into_iter().map(|change| match change.rule.as_str() {
            GPU_RULE => Change { now: settings.code.to_string(), ..change },
            _ => change,
        }));
        Ok::<_, PlanError>(translated.flags)
    };
    let mut own_host = take(translate_host(&target.host_flags, settings.host))?;
    let own_device = take(translate_device(&target.device_flags, settings.host))?;
    let own_link = take(translate_link(&target.link_flags, settings.host))?;
    let optimised = |flags: &[String]| flags.iter().any(|flag| flag.starts_with("-O"));
    if !optimised(&own_host) && !optimised(&own_device) {
        own_host.insert(0, "-O2".to_owned());
    }
    let preprocessor = preprocessor_flags(target, settings)?;
    let in_library = target.kind != TargetKind::Program;
    if in_library {
        own_host.push("-fPIC".to_owned());
    }
    // Paths of the toolkit reach objects through `__FILE__` and debug information.
    let root = &settings.toolchain.toolkit.root;
    own_host.push(format!("-ffile-prefix-map={root}=/usr/local/cuda"));
    let mut host = own_host.clone();
    host.extend(preprocessor.iter().cloned());
    let include = settings.toolchain.toolkit.include(settings.host);
    host.extend(["-isystem".to_owned(), include.to_string()]);

    let mut device = vec!["-ccbin".to_owned(), settings.toolchain.compiler.path.to_string()];
    device.extend(
        device_std(target, settings.toolchain.toolkit.release, changes).map(|std| format!("-std={std}")),
    );
    device.extend(own_device);
    device.extend(own_host.iter().flat_map(|flag| ["-Xcompiler".to_owned(), xcompiler(flag)]));
    device.extend(preprocessor);
    device.extend(settings.code.gencode());
    if target.relocatable_device_code {
        device.push("-rdc=true".to_owned());
    }
    Ok(TargetFlags { host, device, link: own_link })
}

/// nvcc splits what follows `-Xcompiler` at commas, unless they are escaped.
fn xcompiler(flag: &str) -> String {
    flag.replace('\\', r"\\").replace(',', r"\,")
}

fn preprocessor_flags(target: &BuildTarget, settings: &Settings) -> Result<Vec<String>, PlanError> {
    let mut flags: Vec<String> = target.include.iter().map(|path| format!("-I{path}")).collect();
    flags.extend(target.defines.iter().map(|define| format!("-D{define}")));
    for module in &target.pkg_config {
        let answer =
            settings.pkg_config.get(module).ok_or_else(|| PlanError::PkgConfig { module: module.clone() })?;
        flags.extend(answer.cflags.iter().cloned());
    }
    for folder in &settings.toolchain.library_include {
        flags.extend(["-isystem".to_owned(), folder.to_string()]);
    }
    Ok(flags)
}

/// CUDA 13's own C++ library (CCCL 3) needs C++17; older standards are raised, and that is said.
fn device_std(target: &BuildTarget, release: CudaRelease, changes: &mut BTreeSet<Change>) -> Option<String> {
    let std = target.std.as_deref()?;
    let old = ["c++98", "c++03", "c++11", "c++14", "gnu++98", "gnu++03", "gnu++11", "gnu++14"].contains(&std);
    let cuda = target.sources.iter().any(|source| source.language == Language::Cuda);
    if !old || !cuda || release.major < 13 {
        return Some(std.to_owned());
    }
    changes.insert(Change {
        scope: Scope::Device,
        rule: "CF2100".to_owned(),
        was: format!("-std={std}"),
        now: "-std=c++17".to_owned(),
        why: "is older than the headers of CUDA 13 allow (CCCL 3 needs C++17)".to_owned(),
    });
    Some("c++17".to_owned())
}

impl Prepared<'_> {
    /// The arguments of each dry run that [`Prepared::plan`] needs, to be run in the project's folder with the
    /// toolkit's nvcc and the settings' environment.
    pub fn dry_runs(&self) -> BTreeSet<Vec<String>> {
        let targets = self.project.targets.iter().zip(&self.flags);
        targets.filter(|(target, _)| has_cuda(target)).map(|(_, flags)| dry_run_args(flags)).collect()
    }

    /// Builds the graph from what each dry run printed.
    pub fn plan(&self, answers: &BTreeMap<Vec<String>, String>) -> Result<Plan, PlanError> {
        let mut plan = Plan {
            graph: Graph::default(),
            products: Vec::new(),
            changes: self.changes.clone(),
            notes: Vec::new(),
            compile_commands: Vec::new(),
        };
        for (target, flags) in self.project.targets.iter().zip(&self.flags) {
            let line_table = flags.device.iter().find(|flag| LINE_TABLE_FLAGS.contains(&flag.as_str()));
            if let Some(flag) = line_table.filter(|_| has_cuda(target)) {
                plan.notes.push(Note::LineTable { target: target.name.clone(), flag: flag.clone() });
            }
            let dry_run =
                has_cuda(target).then(|| read_dry_run(target, flags, answers, &mut plan.notes)).flatten();
            let mut objects = Vec::new();
            for source in &target.sources {
                objects.push(self.compile(&mut plan, target, flags, source, dry_run.as_ref())?);
            }
            self.finish(&mut plan, target, flags, &objects)?;
        }
        plan.graph.order()?;
        Ok(plan)
    }

    /// One source to one object; returns the object.
    fn compile(
        &self,
        plan: &mut Plan,
        target: &BuildTarget,
        flags: &TargetFlags,
        source: &Source,
        dry_run: Option<&DryRun>,
    ) -> Result<Utf8PathBuf, PlanError> {
        let folder = self.settings.build_dir.join("obj").join(&target.name);
        let object = folder.join(format!("{}.o", source.path));
        let mut arguments = match source.language {
            Language::Cuda => std::iter::once(self.nvcc()).chain(flags.device.iter().cloned()).collect(),
            Language::Cxx | Language::C => self.host_compile(target, flags, source.language),
        };
        arguments.extend(["-c", source.path.as_str(), "-o", object.as_str()].map(str::to_owned));
        match (source.language, dry_run) {
            (Language::Cuda, Some(dry_run)) => {
                let keep = folder.join(format!("{}.steps", source.path));
                let instance =
                    Instance { source: &source.path, object: &object, keep: &keep, target: &target.name };
                self.cuda_steps(plan, dry_run, &instance)?;
            }
            (language, _) => {
                let kind = if language == Language::Cuda {
                    ActionKind::CudaCompile
                } else {
                    ActionKind::HostCompile
                };
                let depfile = Utf8PathBuf::from(format!("{object}.d"));
                let mut args: Vec<_> = arguments[1..].to_vec();
                args.extend(["-MD".to_owned(), "-MF".to_owned(), depfile.to_string()]);
                plan.graph.add(Action {
                    kind,
                    label: source.path.to_string(),
                    work: self.run(arguments[0].clone().into(), args, BTreeMap::new()),
                    inputs: vec![source.path.clone()],
                    outputs: vec![object.clone()],
                    depfile: Some(depfile),
                })?;
            }
        }
        plan.compile_commands.push(CompileCommand {
            file: source.path.clone(),
            output: object.clone(),
            arguments,
        });
        Ok(object)
    }

    fn host_compile(&self, target: &BuildTarget, flags: &TargetFlags, language: Language) -> Vec<String> {
        let mut arguments = vec![self.settings.toolchain.compiler.path.to_string()];
        if language == Language::C {
            // The C++ driver, because a toolchain names only that one; `-x c` makes it a C compiler.
            arguments.extend(["-x".to_owned(), "c".to_owned()]);
        } else {
            arguments.extend(target.std.iter().map(|std| format!("-std={std}")));
        }
        arguments.extend(flags.host.iter().cloned());
        arguments
    }

    /// nvcc's steps for one source, as actions.
    fn cuda_steps(
        &self,
        plan: &mut Plan,
        dry_run: &DryRun,
        instance: &Instance<'_>,
    ) -> Result<(), PlanError> {
        let (id_path, id) = dry_run.module_id(instance);
        plan.graph.add(Action {
            kind: ActionKind::Write,
            label: format!("{} (module id)", instance.source),
            work: Work::Write { contents: id },
            inputs: Vec::new(),
            outputs: vec![id_path.clone()],
            depfile: None,
        })?;
        for step in dry_run.instantiate(instance) {
            let mut inputs = step.inputs;
            if matches!(step.kind, ActionKind::CudaFrontEnd | ActionKind::DeviceCompile) {
                inputs.push(id_path.clone());
            }
            let label = match &step.arch {
                Some(arch) => format!("{} for {arch}", instance.source),
                None => instance.source.to_string(),
            };
            plan.graph.add(Action {
                kind: step.kind,
                label,
                work: self.run(step.program, step.args, step.env),
                inputs,
                outputs: step.outputs,
                depfile: step.depfile,
            })?;
        }
        Ok(())
    }

    /// Objects to a library or a program.
    fn finish(
        &self,
        plan: &mut Plan,
        target: &BuildTarget,
        flags: &TargetFlags,
        objects: &[Utf8PathBuf],
    ) -> Result<(), PlanError> {
        let path = self.product_path(target);
        if target.kind == TargetKind::StaticLibrary {
            // `D`: no times, owners or modes. An older archive is removed first by the executor.
            let mut args = vec!["rcsD".to_owned(), path.to_string()];
            args.extend(objects.iter().map(ToString::to_string));
            plan.graph.add(Action {
                kind: ActionKind::Archive,
                label: path.file_name().unwrap_or(&target.name).to_owned(),
                work: self.run(self.settings.toolchain.archiver.clone(), args, BTreeMap::new()),
                inputs: objects.to_vec(),
                outputs: vec![path.clone()],
                depfile: None,
            })?;
        } else {
            let device = self.device_link(plan, target, objects)?;
            self.link(plan, target, flags, objects, device, &path)?;
        }
        plan.products.push(Product { name: target.name.clone(), kind: target.kind, path });
        Ok(())
    }

    /// Links relocatable device code of the objects and of the static libraries used; returns the extra object.
    fn device_link(
        &self,
        plan: &mut Plan,
        target: &BuildTarget,
        objects: &[Utf8PathBuf],
    ) -> Result<Option<Utf8PathBuf>, PlanError> {
        let used = self.static_libraries(target);
        let relocatable = |target: &BuildTarget| target.relocatable_device_code && has_cuda(target);
        if !relocatable(target) && !used.iter().any(|library| relocatable(library)) {
            return Ok(None);
        }
        let folder = self.settings.build_dir.join("obj").join(&target.name);
        let object = folder.join("device-link.o");
        let keep = folder.join("device-link.steps");
        let marker = keep.join("folder");
        // nvcc wants its folder for kept files to be there.
        plan.graph.add(Action {
            kind: ActionKind::Write,
            label: format!("{} (device link folder)", target.name),
            work: Work::Write { contents: String::new() },
            inputs: Vec::new(),
            outputs: vec![marker.clone()],
            depfile: None,
        })?;
        let mut inputs = objects.to_vec();
        inputs.extend(used.iter().map(|library| self.product_path(library)));
        let mut args = vec!["-ccbin".to_owned(), self.settings.toolchain.compiler.path.to_string()];
        args.extend(self.settings.code.gencode());
        args.extend(["-dlink", "--keep", "--keep-dir", keep.as_str()].map(str::to_owned));
        if target.kind == TargetKind::SharedLibrary {
            args.extend(["-Xcompiler".to_owned(), "-fPIC".to_owned()]);
        }
        args.extend(inputs.iter().map(ToString::to_string));
        args.extend([
            format!("-L{}", self.lib()),
            "-lcudadevrt".to_owned(),
            "-o".to_owned(),
            object.to_string(),
        ]);
        inputs.push(marker);
        plan.graph.add(Action {
            kind: ActionKind::DeviceLink,
            label: target.name.clone(),
            work: self.run(self.nvcc().into(), args, BTreeMap::new()),
            inputs,
            outputs: vec![object.clone()],
            depfile: None,
        })?;
        Ok(Some(object))
    }

    fn link(
        &self,
        plan: &mut Plan,
        target: &BuildTarget,
        flags: &TargetFlags,
        objects: &[Utf8PathBuf],
        device: Option<Utf8PathBuf>,
        path: &Utf8Path,
    ) -> Result<(), PlanError> {
        let used = self.all_used(target);
        let mut inputs = objects.to_vec();
        inputs.extend(device);
        inputs.extend(used.iter().map(|library| self.product_path(library)));
        let mut args: Vec<String> = Vec::new();
        if target.kind == TargetKind::SharedLibrary {
            let name = path.file_name().unwrap_or(&target.name);
            args.extend(["-shared".to_owned(), format!("-Wl,-soname,{name}")]);
        }
        args.extend(flags.link.iter().cloned());
        args.extend(inputs.iter().map(ToString::to_string));
        args.extend(["-o".to_owned(), path.to_string()]);
        if used.iter().any(|library| library.kind == TargetKind::SharedLibrary) {
            args.push("-Wl,-rpath,$ORIGIN".to_owned());
        }
        let users: Vec<&BuildTarget> = std::iter::once(target)
            .chain(used.iter().copied().filter(|used| used.kind == TargetKind::StaticLibrary))
            .collect();
        self.libraries(&users, &mut args)?;
        plan.graph.add(Action {
            kind: ActionKind::Link,
            label: path.file_name().unwrap_or(&target.name).to_owned(),
            work: self.run(self.settings.toolchain.compiler.path.clone(), args, BTreeMap::new()),
            inputs,
            outputs: vec![path.to_owned()],
            depfile: None,
        })?;
        Ok(())
    }

    /// `-L` and `-l` for a target and the static libraries inside it, the CUDA runtime last.
    fn libraries(&self, users: &[&BuildTarget], args: &mut Vec<String>) -> Result<(), PlanError> {
        let mut words = Vec::new();
        for folder in users.iter().flat_map(|user| &user.link_dirs) {
            words.push(format!("-L{folder}"));
        }
        for folder in &self.settings.toolchain.library_dirs {
            words.push(format!("-L{folder}"));
        }
        words.extend([format!("-L{}", self.lib()), format!("-L{}", self.lib().join("stubs"))]);
        for user in users {
            words.extend(user.cuda_libraries.iter().chain(&user.link).map(|name| format!("-l{name}")));
            for module in &user.pkg_config {
                let answer = self.settings.pkg_config.get(module);
                let answer = answer.ok_or_else(|| PlanError::PkgConfig { module: module.clone() })?;
                words.extend(answer.libs.iter().cloned());
            }
        }
        let mut seen = BTreeSet::new();
        args.extend(words.into_iter().filter(|word| seen.insert(word.clone())));
        // The CUDA runtime, statically, as nvcc links it by default.
        if users.iter().any(|user| has_cuda(user) || !user.cuda_libraries.is_empty()) {
            args.extend(["-lcudadevrt", "-lcudart_static", "-lrt", "-lpthread", "-ldl"].map(str::to_owned));
        }
        Ok(())
    }

    fn run(&self, program: Utf8PathBuf, args: Vec<String>, extra: BTreeMap<String, String>) -> Work {
        let toolchain = &self.settings.toolchain;
        let identity = if toolchain.toolkit.contains(&program) {
            format!("cuda {}", toolchain.toolkit.identity)
        } else {
            format!("{} {}", toolchain.compiler.family, toolchain.compiler.version)
        };
        let mut env = self.settings.env.clone();
        env.extend(extra);
        Work::Run(Command { program, identity, args, env })
    }

    fn nvcc(&self) -> String {
        self.settings.toolchain.toolkit.nvcc().to_string()
    }

    fn lib(&self) -> Utf8PathBuf {
        self.settings.toolchain.toolkit.lib(self.settings.host)
    }

    fn product_path(&self, target: &BuildTarget) -> Utf8PathBuf {
        self.settings.bin_dir.join(match target.kind {
            TargetKind::Program => target.name.clone(),
            TargetKind::StaticLibrary => format!("lib{}.a", target.name),
            TargetKind::SharedLibrary => format!("lib{}.so", target.name),
        })
    }

    /// Libraries of this project that `target` uses, also through static ones, users before what they use.
    fn all_used(&self, target: &BuildTarget) -> Vec<&BuildTarget> {
        let mut used: Vec<&BuildTarget> = Vec::new();
        let mut wanted: BTreeSet<&str> = target.uses.iter().map(String::as_str).collect();
        // The project lists a library before its users, so walking backwards meets users first.
        for library in self.project.targets.iter().rev() {
            if wanted.contains(library.name.as_str()) {
                used.push(library);
                if library.kind == TargetKind::StaticLibrary {
                    wanted.extend(library.uses.iter().map(String::as_str));
                }
            }
        }
        used
    }

    fn static_libraries(&self, target: &BuildTarget) -> Vec<&BuildTarget> {
        self.all_used(target)
            .into_iter()
            .filter(|library| library.kind == TargetKind::StaticLibrary)
            .collect()
    }
}

/// The template of a target's compiles; a note instead where it is not understood.
fn read_dry_run(
    target: &BuildTarget,
    flags: &TargetFlags,
    answers: &BTreeMap<Vec<String>, String>,
    notes: &mut Vec<Note>,
) -> Option<DryRun> {
    let text = answers.get(&dry_run_args(flags)).map_or("", String::as_str);
    match DryRun::parse(text) {
        Ok(dry_run) => {
            let warning =
                |warning: &String| Note::Nvcc { target: target.name.clone(), warning: warning.clone() };
            notes.extend(dry_run.warnings.iter().map(warning));
            Some(dry_run)
        }
        Err(error) => {
            notes.push(Note::WholeFile { target: target.name.clone(), line: error.line });
            None
        }
    }
}

fn has_cuda(target: &BuildTarget) -> bool {
    target.sources.iter().any(|source| source.language == Language::Cuda)
}

fn dry_run_args(flags: &TargetFlags) -> Vec<String> {
    let mut args = vec!["--dryrun".to_owned()];
    args.extend(flags.device.iter().cloned());
    args.extend(
        ["--keep", "--keep-dir", nvcc::KEEP, "-c", nvcc::SOURCE, "-o", nvcc::OBJECT].map(str::to_owned),
    );
    args
}
