//! `cuferry doctor`: what this machine has, and which of the three ways work here.

use std::thread;

use cuferry_arch::Host;
use cuferry_install::{installed, installed_emulator, installed_root};
use cuferry_machine::{Root, compiler, gpu, survey, toolkit};
use cuferry_toolchain::compiler::{Family, HostCompiler};
use cuferry_toolchain::release_file;

use crate::args::{Doctor, Format};
use crate::context::Context;
use crate::doctor::Checkup;
use crate::failure::{Answer, Failure};
use crate::words::{self, print};

pub(crate) fn run(context: &Context, args: &Doctor) -> Result<Answer, Failure> {
    let checkup = look(context);
    match args.format {
        Format::Text => print(&checkup.text(words::width()))?,
        Format::Json => print(&format!("{:#}\n", checkup.json()))?,
    }
    Ok(if checkup.can_rebuild() { Answer::Good } else { Answer::Lacking })
}

/// Everything at once: each tool that is asked takes its time.
fn look(context: &Context) -> Checkup {
    let environment = &context.environment;
    let data = context.data_dir();
    let ask = |host: Host, family: Family| move || compiler::find(environment, host, None, &[family]);
    thread::scope(|scope| {
        let survey = scope.spawn(|| survey(&Root::default(), environment, &data, gpu::gpus));
        let found = scope.spawn(|| toolkit::find(environment));
        let compilers = Host::ALL.map(|host| Family::ALL.map(|family| scope.spawn(ask(host, family))));
        let compilers: Vec<HostCompiler> =
            compilers.into_iter().flatten().flat_map(|thread| thread.join().unwrap_or_default()).collect();
        let mut toolkits = found.join().unwrap_or_default();
        toolkits.extend(installed(&data));
        Checkup {
            machine: Host::of_this_program(),
            survey: survey.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            toolkits,
            fetchable: release_file::known()
                .iter()
                .filter(|file| file.default)
                .map(|file| file.release)
                .collect(),
            compilers,
            emulator: installed_emulator(&data),
            arm_root: installed_root(&data, Host::Aarch64),
            archiver: compiler::archiver(environment, Host::X86_64),
            home: environment.get("HOME").map(Into::into),
        }
    })
}
