//! nvcc's own steps: what `nvcc --dryrun` prints, read as a template that fits every source compiled with the same flags.
//!
//! The dry run is made once a flag set, for a source and folders with the names below; instantiating the template puts
//! the real names in their place. What is not understood is refused, so that the caller can use nvcc as it is.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::Digest;
use cuferry_graph::ActionKind;
use cuferry_toolchain::path::normalize;
use thiserror::Error;

/// The source that a dry run is asked to compile. It need not exist.
pub const SOURCE: &str = "cuferry-source.cu";
/// The object that a dry run is asked to write.
pub const OBJECT: &str = "cuferry-output.o";
/// The folder that a dry run is asked to keep its intermediate files in.
pub const KEEP: &str = "cuferry-keep";

const STEM: &str = "cuferry-source";

/// The steps of one compile, for one set of flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DryRun {
    steps: Vec<Template>,
    /// Variables that nvcc sets for its tools.
    env: BTreeMap<String, String>,
    /// What nvcc had to say about the flags.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Template {
    kind: ActionKind,
    program: Utf8PathBuf,
    args: Vec<String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// `sm_90`, `compute_90`: what the step is for, where it is for one architecture.
    arch: Option<String>,
}

/// One step of one source, ready to become an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub kind: ActionKind,
    /// The tool: an absolute path.
    pub program: Utf8PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that it needs beside the common environment.
    pub env: BTreeMap<String, String>,
    /// Files that it reads.
    pub inputs: Vec<Utf8PathBuf>,
    /// Files that it writes.
    pub outputs: Vec<Utf8PathBuf>,
    /// Where it writes the headers that it read.
    pub depfile: Option<Utf8PathBuf>,
    /// What it is for, where it is for one architecture.
    pub arch: Option<String>,
}

/// A source to instantiate a dry run for.
#[derive(Clone, Copy, Debug)]
pub struct Instance<'a> {
    /// The source, relative to the project's folder.
    pub source: &'a Utf8Path,
    /// The object to write.
    pub object: &'a Utf8Path,
    /// The folder for its intermediate files: no other source's.
    pub keep: &'a Utf8Path,
    /// Names the program or library that the object is for.
    pub target: &'a str,
}

/// A line of a dry run that fits nothing that is known of nvcc.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("nvcc's dry run has a line that cuferry does not understand: `{line}`")]
pub struct NotUnderstood {
    /// The line, shortened.
    pub line: String,
}

impl DryRun {
    /// Reads what `nvcc --dryrun … -c SOURCE -o OBJECT --keep --keep-dir KEEP` printed on its standard error.
    pub fn parse(text: &str) -> Result<Self, NotUnderstood> {
        let mut dry_run = Self { steps: Vec::new(), env: BTreeMap::new(), warnings: Vec::new() };
        for line in text.lines() {
            let Some(line) = line.strip_prefix("#$ ") else {
                if !line.trim().is_empty() {
                    dry_run.warnings.push(line.to_owned());
                }
                continue;
            };
            if let Some((name, value)) = assignment(line) {
                dry_run.env.insert(name.to_owned(), value.trim().to_owned());
            } else if !line.starts_with("rm ") && !line.starts_with("-- Filter Dependencies --") {
                let step = dry_run.step(line).ok_or_else(|| NotUnderstood { line: shorten(line) })?;
                dry_run.steps.push(step);
            }
        }
        dry_run.check()?;
        dry_run.env.retain(|name, _| ["NVVMIR_LIBRARY_DIR", "LD_LIBRARY_PATH"].contains(&name.as_str()));
        Ok(dry_run)
    }

    fn step(&self, line: &str) -> Option<Template> {
        let words = shell_words::split(&self.expand(line)).ok()?;
        let (program, args) = words.split_first()?;
        let tool = Utf8Path::new(program).file_name()?;
        let program = if program.contains('/') {
            normalize(Utf8Path::new(program))
        } else {
            // CUDA 11.8 finds cicc through PATH, and does not name its folder.
            let folder = if program == "cicc" { "../nvvm/bin" } else { "" };
            normalize(&Utf8Path::new(self.env.get("_HERE_")?).join(folder).join(program))
        };
        let mut args: Vec<String> = args.to_vec();
        let (kind, inputs, outputs, arch) = match tool {
            "cudafe++" => cuda_front_end(&mut args)?,
            "cicc" => device_compile(&args)?,
            "ptxas" => assemble(&mut args)?,
            "fatbinary" => fatbinary(&args)?,
            _ if args.iter().any(|arg| arg == "-E") => preprocess(&mut args)?,
            _ if args.iter().any(|arg| arg == "-c") => host_compile(&mut args)?,
            _ => return None,
        };
        Some(Template { kind, program, args, inputs, outputs, arch })
    }

    /// `$CICC_PATH/cicc`: the only way in which a line refers to a variable.
    fn expand(&self, line: &str) -> String {
        let cicc = self.env.get("CICC_PATH").map_or("$CICC_PATH", String::as_str);
        line.replace("$CICC_PATH", cicc)
    }

    /// A compile has one front end and one host compile, and reads only what a step before it wrote.
    fn check(&self) -> Result<(), NotUnderstood> {
        let count = |kind| self.steps.iter().filter(|step| step.kind == kind).count();
        let known: Vec<&String> = self.steps.iter().flat_map(|step| &step.outputs).collect();
        let produced = |input: &&String| input.as_str() == SOURCE || known.contains(input);
        let strange = self.steps.iter().flat_map(|step| &step.inputs).find(|input| !produced(input));
        match strange {
            Some(input) => Err(NotUnderstood { line: format!("(nothing writes `{input}`)") }),
            None if count(ActionKind::CudaFrontEnd) == 1 && count(ActionKind::HostCompile) == 1 => Ok(()),
            None => Err(NotUnderstood { line: "(no front end, or no host compile)".to_owned() }),
        }
    }

    /// The steps for one source, which read the file of [`Self::module_id`].
    pub fn instantiate(&self, instance: &Instance<'_>) -> Vec<Step> {
        let names = Names::new(instance);
        let step = |template: &Template| {
            let depfile = matches!(template.kind, ActionKind::Preprocess | ActionKind::HostCompile)
                .then(|| format!("{}.d", names.put(&template.outputs[0])));
            let mut args: Vec<_> = template.args.iter().map(|arg| names.put(arg)).collect();
            names.fix_source_names(&mut args);
            if let Some(depfile) = &depfile {
                args.extend(["-MD".to_owned(), "-MF".to_owned(), depfile.clone()]);
            }
            Step {
                kind: template.kind,
                program: template.program.clone(),
                args,
                env: self.env.clone(),
                inputs: template.inputs.iter().map(|path| names.put(path).into()).collect(),
                outputs: template.outputs.iter().map(|path| names.put(path).into()).collect(),
                depfile: depfile.map(Into::into),
                arch: template.arch.clone(),
            }
        };
        self.steps.iter().map(step).collect()
    }

    /// The file that names a translation unit's internal symbols, and what it is to hold.
    ///
    /// nvcc makes this name from the absolute path of the source, so that two checkouts differ; ours comes from what
    /// the unit is: its path in the project, the program it is for, and its flags. It has nvcc's own shape.
    pub fn module_id(&self, instance: &Instance<'_>) -> (Utf8PathBuf, String) {
        let names = Names::new(instance);
        let mut hasher = cuferry_digest::Hasher::default();
        hasher.field("module-id-1");
        hasher.field(instance.source.as_str());
        hasher.field(instance.target);
        for step in &self.steps {
            step.args.iter().filter(|arg| !arg.contains('/')).for_each(|arg| hasher.field(arg));
        }
        let digest: Digest = hasher.finish();
        let name = instance.source.file_name().unwrap_or("cu");
        let plain: String =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
        let text =
            format!("_{}_{}_{plain}_{}", &digest.to_string()[..8], plain.len(), &digest.to_string()[8..16]);
        (names.put(&format!("{KEEP}/{STEM}.module_id")).into(), text)
    }
}

type Parts = (ActionKind, Vec<String>, Vec<String>, Option<String>);

fn cuda_front_end(args: &mut Vec<String>) -> Option<Parts> {
    // The identifier is ours, and written before: see `module_id`.
    args.retain(|arg| arg != "--gen_module_id_file");
    let id = after(args, "--module_id_file_name")?;
    if !id.ends_with(".module_id") {
        return None;
    }
    let inputs = vec![args.last()?.clone()];
    Some((ActionKind::CudaFrontEnd, inputs, vec![after(args, "--gen_c_file_name")?], None))
}

fn device_compile(args: &[String]) -> Option<Parts> {
    let outputs = ["-o", "--gen_c_file_name", "--stub_file_name", "--gen_device_file_name"];
    let outputs = outputs.iter().map(|name| after(args, name)).collect::<Option<Vec<_>>>()?;
    let input = args.iter().find(|arg| has_extension(arg, "ii"))?.clone();
    Some((ActionKind::DeviceCompile, vec![input], outputs, after(args, "-arch")))
}

fn assemble(args: &mut Vec<String>) -> Option<Parts> {
    let input = args.iter().find(|arg| has_extension(arg, "ptx"))?.clone();
    let arch = args.iter().find_map(|arg| arg.strip_prefix("-arch=")).map(str::to_owned);
    let output = if let Some(output) = after(args, "-o") {
        output
    } else {
        // PTX that is only embedded is assembled as a check, and the result thrown away: here it is kept. For a virtual
        // architecture ptxas would write none.
        for arg in args.iter_mut() {
            if let Some(number) = arg.strip_prefix("-arch=compute_") {
                *arg = format!("-arch=sm_{number}");
            }
        }
        let output = format!("{}.check.cubin", input.strip_suffix(".ptx")?);
        args.extend(["-o".to_owned(), output.clone()]);
        output
    };
    Some((ActionKind::Assemble, vec![input], vec![output], arch))
}

fn fatbinary(args: &[String]) -> Option<Parts> {
    let joined = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name)).map(str::to_owned);
    let outputs = vec![joined("--embedded-fatbin=")?, joined("--create=")?];
    let images = args.iter().filter(|arg| arg.starts_with("--image"));
    let inputs = images.map(|arg| arg.rsplit_once("file=").map(|(_, file)| file.to_owned()));
    Some((ActionKind::Fatbinary, inputs.collect::<Option<_>>()?, outputs, None))
}

fn preprocess(args: &mut Vec<String>) -> Option<Parts> {
    strip_dependency_flags(args);
    let output = after(args, "-o")?;
    let arch = args
        .iter()
        .find_map(|arg| arg.strip_prefix("-D__CUDA_ARCH__="))
        .map(|arch| format!("compute_{}", arch.strip_suffix('0').unwrap_or(arch)));
    args.iter().any(|arg| arg == SOURCE).then_some(())?;
    Some((ActionKind::Preprocess, vec![SOURCE.to_owned()], vec![output], arch))
}

fn host_compile(args: &mut Vec<String>) -> Option<Parts> {
    strip_dependency_flags(args);
    let input = args.iter().find(|arg| arg.ends_with(".cudafe1.cpp"))?.clone();
    // It includes the stub of the last architecture, named after itself, and the fat binary.
    let stub = format!("{}.stub.c", input.strip_suffix(".cpp")?);
    let fatbin = format!("{KEEP}/{STEM}.fatbin.c");
    Some((ActionKind::HostCompile, vec![input, stub, fatbin], vec![after(args, "-o")?], None))
}

/// Dependency files are asked for in `instantiate`, one a step.
fn strip_dependency_flags(args: &mut Vec<String>) {
    args.retain(|arg| arg != "-MD" && arg != "-MMD");
}

fn has_extension(path: &str, extension: &str) -> bool {
    Utf8Path::new(path).extension() == Some(extension)
}

fn after(args: &[String], name: &str) -> Option<String> {
    args.iter().position(|arg| arg == name).and_then(|place| args.get(place + 1)).cloned()
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let plain = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit());
    plain.then_some((name, value))
}

fn shorten(line: &str) -> String {
    if line.chars().count() <= 160 {
        line.to_owned()
    } else {
        line.chars().take(160).chain(['…']).collect()
    }
}

/// The names that take the template's place.
struct Names<'a> {
    instance: &'a Instance<'a>,
    stem: &'a str,
}

impl<'a> Names<'a> {
    fn new(instance: &'a Instance<'a>) -> Self {
        Self { instance, stem: instance.source.file_stem().unwrap_or("source") }
    }

    fn put(&self, text: &str) -> String {
        match text {
            SOURCE => self.instance.source.to_string(),
            OBJECT => self.instance.object.to_string(),
            _ => text.replace(KEEP, self.instance.keep.as_str()).replace(STEM, self.stem),
        }
    }

    /// `--orig_src_file_name` wants the bare name where everything else wants the path.
    fn fix_source_names(&self, args: &mut [String]) {
        let mut set = |name: &str, value: &str| {
            let place = args.iter().position(|arg| arg == name);
            if let Some(arg) = place.and_then(|place| args.get_mut(place + 1)) {
                value.clone_into(arg);
            }
        };
        set("--orig_src_file_name", self.instance.source.file_name().unwrap_or_default());
        set("--orig_src_path_name", self.instance.source.as_str());
    }
}
