//! The rules of `run` and the rows of `toolkit.toml` against NVIDIA's own assembler, which stands in for the driver's.
//!
//! Asked is `CUFERRY_PTXAS`, or the newest toolkit that cuferry can install. It is fetched unless it is there; where it
//! cannot be had, the test says so and passes, but for CI.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

use camino::Utf8PathBuf;
use cuferry_arch::run::{ptx_assembles, ptx_runs};
use cuferry_arch::table::{self, ToolkitRow};
use cuferry_arch::{CudaRelease, Flavor, GpuArch, Host, PtxIsa};
use cuferry_install::installed;
use cuferry_testkit::{data_dir, toolkit, variable};
use cuferry_toolchain::release_file;
use tempfile::TempDir;

/// One assembler, and the folder for what it reads.
struct Ptxas {
    program: Utf8PathBuf,
    row: &'static ToolkitRow,
    folder: TempDir,
}

impl Ptxas {
    fn new(program: Utf8PathBuf) -> Self {
        let version = Command::new(&program).arg("--version").output().expect("ptxas starts");
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        let (_, release) = version.split_once("release ").expect("ptxas tells its release");
        let release = release.split(',').next().and_then(|text| text.parse::<CudaRelease>().ok());
        let release = release.expect("it is MAJOR.MINOR");
        let row = table::toolkit(release).filter(|row| row.release == release);
        let row = row.unwrap_or_else(|| panic!("CUDA {release} has no row in toolkit.toml"));
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the folder");
        Self { program, row, folder }
    }

    /// The newest that cuferry can install.
    fn newest() -> Option<Self> {
        if let Some(program) = variable("CUFERRY_PTXAS") {
            return Some(Self::new(program.into()));
        }
        let newest = release_file::known().iter().map(|file| file.release).max()?;
        let there = installed(&data_dir()?).into_iter().rfind(|toolkit| toolkit.release == newest);
        let root = there.map(|toolkit| toolkit.root).or_else(|| toolkit(newest, &[Host::X86_64], &[]))?;
        Some(Self::new(root.join("bin/ptxas")))
    }

    /// What `--help` lists under `--gpu-name`.
    fn archs(&self) -> Vec<GpuArch> {
        let help = Command::new(&self.program).arg("--help").output().expect("ptxas starts");
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        let (_, list) = help.split_once("--gpu-name").expect("ptxas has the option");
        let list = list.split("\n--").next().unwrap_or_default();
        let names = list.split('\'').filter_map(|name| name.starts_with("sm_").then(|| name.parse().ok())?);
        let mut archs: Vec<GpuArch> = names.collect();
        archs.sort_unstable();
        // The default is named once more.
        archs.dedup();
        archs
    }

    fn assemble(&self, target: GpuArch, isa: PtxIsa, arch: GpuArch) -> Output {
        let path = self.folder.path().join(format!("{target}-{isa}.ptx"));
        if !path.exists() {
            let text = format!(
                ".version {isa}\n.target {target}\n.address_size 64\n.visible .entry k() {{ ret; }}\n"
            );
            // Aside and renamed: another thread may want the same file.
            let aside = self.folder.path().join(format!("{target}-{isa}-{arch}"));
            fs::write(&aside, text).expect("the folder is ours");
            fs::rename(aside, &path).expect("the folder is ours");
        }
        let mut command = Command::new(&self.program);
        command.arg(format!("-arch={arch}")).arg(path).args(["-o", "/dev/null"]);
        command.output().expect("ptxas starts")
    }

    /// Which of `targets` it can read at all.
    fn reads(&self, targets: Vec<GpuArch>) -> Vec<GpuArch> {
        // Read for the GPU of the same name, so that nothing but the target can be at fault; else for the newest.
        let newest = *self.row.archs.last().expect("every toolkit has some");
        let arch = |target| if self.row.assembles(target) { target } else { newest };
        let outputs = in_parallel(&targets, |target| self.assemble(*target, self.row.ptx, arch(*target)));
        let read = targets.into_iter().zip(outputs);
        read.filter(|(_, output)| !words(output).contains("Unsupported .target"))
            .map(|(target, _)| target)
            .collect()
    }
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `work` on each item, as many at a time as there are processors, and the results in the items' order.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let left = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("no worker panics with it").next();
                    let Some((at, item)) = next else { break };
                    let result = work(item);
                    done.lock().expect("no worker panics with it").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panics with it");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

const FLAVORS: [Flavor; 3] = [Flavor::Base, Flavor::Family, Flavor::ArchSpecific];

/// Every `.target` that it reads: all numbers without suffix, and of those that exist all suffixes.
fn targets(ptxas: &Ptxas) -> Vec<GpuArch> {
    let base = ptxas.reads((20..=140).map(GpuArch::base).collect());
    let suffixed = |arch: &GpuArch| {
        let number = arch.number();
        [Flavor::Family, Flavor::ArchSpecific].map(|flavor| GpuArch::new(number, flavor))
    };
    let suffixed = ptxas.reads(base.iter().flat_map(suffixed).collect());
    let mut all = [base, suffixed].concat();
    all.sort_unstable();
    all
}

#[test]
fn rules_agree_with_ptxas_on_every_pair() {
    let Some(ptxas) = Ptxas::newest() else { return };
    let (targets, archs) = (targets(&ptxas), ptxas.archs());
    for arch in &archs {
        assert!(targets.contains(arch), "{arch} is assembled, so its own PTX is read");
    }
    let pairs: Vec<(GpuArch, GpuArch)> =
        targets.iter().flat_map(|target| archs.iter().map(|arch| (*target, *arch))).collect();
    let outputs = in_parallel(&pairs, |(target, arch)| ptxas.assemble(*target, ptxas.row.ptx, *arch));

    let mut wrong = Vec::new();
    let mut accepted = BTreeSet::new();
    for ((target, arch), output) in pairs.iter().zip(&outputs) {
        let takes = output.status.success();
        if takes {
            accepted.insert((*target, *arch));
        } else {
            // A refusal for any other reason would make this test say nothing.
            let words = words(output);
            let known = ["is higher than", "cannot be compiled"];
            assert!(known.iter().any(|known| words.contains(known)), "{target} for {arch}: {words}");
        }
        let rule = ptx_assembles(*target, *arch);
        if rule.is_ok() != takes {
            wrong.push(format!("PTX for {target} with -arch={arch}: ptxas {takes}, rule {rule:?}"));
        }
    }
    // A GPU runs what any -arch of its number takes; a renamed one runs what its new number does.
    let renamed = |number| table::gpu(GpuArch::base(number)).is_some_and(|gpu| gpu.renamed.is_some());
    let gpus: BTreeSet<u16> =
        archs.iter().map(|arch| arch.number()).filter(|number| !renamed(*number)).collect();
    for (target, number) in targets.iter().flat_map(|target| gpus.iter().map(move |gpu| (*target, *gpu))) {
        let takes = FLAVORS.iter().any(|flavor| accepted.contains(&(target, GpuArch::new(number, *flavor))));
        let rule = ptx_runs(target, GpuArch::base(number));
        if rule.is_ok() != takes {
            wrong.push(format!("PTX for {target} on a GPU {number}: ptxas {takes}, rule {rule:?}"));
        }
    }
    println!("CUDA {}: {} targets, {} pairs", ptxas.row.release, targets.len(), pairs.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What toolkit.toml says of a release, asked of the release.
#[track_caller]
fn check_row(ptxas: &Ptxas) {
    let row = ptxas.row;
    let mut expected = row.archs.clone();
    expected.sort_unstable();
    assert_eq!(ptxas.archs(), expected, "CUDA {}", row.release);
    let arch = *row.archs.last().expect("every toolkit has some");
    let target = GpuArch::base(75);
    let own = ptxas.assemble(target, row.ptx, arch);
    assert!(own.status.success(), "CUDA {} and PTX {}: {}", row.release, row.ptx, words(&own));
    for newer in [PtxIsa::new(row.ptx.major, row.ptx.minor + 1), PtxIsa::new(row.ptx.major + 1, 0)] {
        let output = ptxas.assemble(target, newer, arch);
        assert!(words(&output).contains("Unsupported .version"), "CUDA {} and PTX {newer}", row.release);
    }
}

#[test]
fn toolkits_are_as_their_rows_say() {
    let Some(newest) = Ptxas::newest() else { return };
    check_row(&newest);
    let others = data_dir().map(|data| installed(&data)).unwrap_or_default();
    for toolkit in others.into_iter().filter(|toolkit| toolkit.release != newest.row.release) {
        check_row(&Ptxas::new(toolkit.root.join("bin/ptxas")));
    }
}
