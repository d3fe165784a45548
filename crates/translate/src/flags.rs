//! Flag lists: read word by word, changed by rule, with the GPU architectures that nvcc's flags name taken out.

use crate::{Change, Scope, TranslateError, rules};
use cuferry_arch::select::GpuRequest;
use cuferry_arch::{GpuArch, Host};

/// The rule of flags that choose GPU architectures: what stands instead is known only once these are chosen.
pub const GPU_RULE: &str = "CF2017";

/// Flags to use, with what was changed on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// What to pass on.
    pub flags: Vec<String>,
    /// What differs.
    pub changes: Vec<Change>,
    /// GPU architectures that the flags asked for; which ones are built is decided elsewhere.
    pub archs: Vec<GpuRequest>,
}

/// Flags of gcc or clang for a compile.
pub fn translate_host(flags: &[String], host: Host) -> Result<Translated, TranslateError> {
    plain(flags, Scope::Host, host)
}

/// Flags of gcc or clang for a link.
pub fn translate_link(flags: &[String], host: Host) -> Result<Translated, TranslateError> {
    plain(flags, Scope::Link, host)
}

/// Flags of nvcc. Those that it hands to the host compiler (`-Xcompiler`) are translated as such; architectures and the
/// host compiler's path are taken out on every host, since cuferry chooses both.
pub fn translate_device(flags: &[String], host: Host) -> Result<Translated, TranslateError> {
    let mut out = Translated::default();
    let mut virtual_arch = None;
    let mut codes = Vec::new();
    let mut words = flags.iter();
    while let Some(word) = words.next() {
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let mut value = || match &joined {
            Some(value) => Ok((value.clone(), word.clone())),
            None => match words.next() {
                Some(next) => Ok((next.clone(), format!("{word} {next}"))),
                None => Err(TranslateError::NoValue { flag: word.clone() }),
            },
        };
        match name {
            "-gencode" | "--generate-code" => {
                let (text, was) = value()?;
                out.archs.extend(gencode(&text, &was)?);
                out.drop_arch(was);
            }
            "-arch" | "--gpu-architecture" => {
                let (text, was) = value()?;
                virtual_arch = Some((text, was.clone()));
                out.drop_arch(was);
            }
            "-code" | "--gpu-code" => {
                let (text, was) = value()?;
                codes.extend(list(&text).map(|code| (code.to_owned(), was.clone())));
                out.drop_arch(was);
            }
            "-ccbin" | "--compiler-bindir" => {
                let (_, was) = value()?;
                let why = "names a compiler of the ARM build; cuferry chooses one for the host";
                out.change(Scope::Device, "CF2016", was, String::new(), why);
            }
            "-Xcompiler" | "--compiler-options" => {
                let (text, _) = value()?;
                let host_flags: Vec<_> = text.split(',').map(str::to_owned).collect();
                let translated = translate_host(&host_flags, host)?;
                out.changes.extend(translated.changes);
                if !translated.flags.is_empty() {
                    out.flags.extend(["-Xcompiler".to_owned(), translated.flags.join(",")]);
                }
            }
            // Their values belong to other tools, and may look like flags of nvcc.
            "-Xptxas" | "--ptxas-options" | "-Xcudafe" | "--cudafe-options" | "-Xlinker"
            | "--linker-options" | "-Xnvlink" | "--nvlink-options" | "-Xfatbin" | "--fatbin-options"
            | "-Xarchive" | "--archive-options" => {
                let (text, _) = value()?;
                out.flags.extend([name.to_owned(), text]);
            }
            _ => apply(&mut out, Scope::Device, host, word, &mut words)?,
        }
    }
    out.archs.extend(arch_and_code(virtual_arch, &codes)?);
    out.archs.sort_unstable();
    out.archs.dedup();
    Ok(out)
}

fn plain(flags: &[String], scope: Scope, host: Host) -> Result<Translated, TranslateError> {
    let mut out = Translated::default();
    let mut words = flags.iter();
    while let Some(word) = words.next() {
        apply(&mut out, scope, host, word, &mut words)?;
    }
    Ok(out)
}

fn apply<'a>(
    out: &mut Translated,
    scope: Scope,
    host: Host,
    word: &str,
    words: &mut impl Iterator<Item = &'a String>,
) -> Result<(), TranslateError> {
    let Some(rule) = rules::find(scope, word).filter(|_| host == Host::X86_64) else {
        out.flags.push(word.to_owned());
        return Ok(());
    };
    let was = if rule.value {
        let value = words.next().ok_or_else(|| TranslateError::NoValue { flag: word.to_owned() })?;
        format!("{word} {value}")
    } else {
        word.to_owned()
    };
    // One ARM build names CPU and instruction set side by side: their counterpart is wanted once.
    let new = rule.now.iter().filter(|flag| !out.flags.contains(flag)).cloned().collect::<Vec<_>>();
    out.change(scope, &rule.id, was, rule.now.join(" "), &rule.why);
    out.flags.extend(new);
    Ok(())
}

impl Translated {
    fn change(&mut self, scope: Scope, rule: &str, was: String, now: String, why: &str) {
        self.changes.push(Change { scope, rule: rule.to_owned(), was, now, why: why.to_owned() });
    }

    fn drop_arch(&mut self, was: String) {
        let why = "is the ARM build's choice of GPUs; `--gpu`, cuferry.toml or the GPU that is here decide";
        self.change(Scope::Device, GPU_RULE, was, String::new(), why);
    }
}

/// `arch=compute_87,code=[sm_87,compute_87]`, also without brackets round one, and with quotes left by a shell.
fn gencode(text: &str, flag: &str) -> Result<Vec<GpuRequest>, TranslateError> {
    let error = || TranslateError::Architecture { flag: flag.to_owned() };
    let text: String = text.chars().filter(|character| !"\"'\\ ".contains(*character)).collect();
    let rest = text.strip_prefix("arch=").ok_or_else(error)?;
    let (_, codes) = rest.split_once(",code=").ok_or_else(error)?;
    let codes = codes.strip_prefix('[').and_then(|codes| codes.strip_suffix(']')).unwrap_or(codes);
    list(codes).map(|code| request(code).ok_or_else(error)).collect()
}

/// `-arch` and `-code` together: alone, `-arch=sm_87` means machine code and PTX of one architecture.
fn arch_and_code(
    arch: Option<(String, String)>,
    codes: &[(String, String)],
) -> Result<Vec<GpuRequest>, TranslateError> {
    let error = |flag: &str| TranslateError::Architecture { flag: flag.to_owned() };
    if !codes.is_empty() {
        return codes.iter().map(|(code, flag)| request(code).ok_or_else(|| error(flag))).collect();
    }
    match arch {
        None => Ok(Vec::new()),
        // What these mean depends on the machine and toolkit of the ARM build: there is nothing to repeat here.
        Some((text, _)) if ["native", "all", "all-major"].contains(&text.as_str()) => Ok(Vec::new()),
        Some((text, flag)) => match request(&text).ok_or_else(|| error(&flag))? {
            GpuRequest::Real(arch) => Ok(vec![GpuRequest::Real(arch), GpuRequest::Virtual(arch)]),
            request @ GpuRequest::Virtual(_) => Ok(vec![request]),
        },
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// Only `sm_` and `compute_` forms: nvcc takes no bare numbers.
fn request(text: &str) -> Option<GpuRequest> {
    let number = text.strip_prefix("sm_").or_else(|| text.strip_prefix("compute_"))?;
    let _: GpuArch = format!("sm_{number}").parse().ok()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check_host(flags: &str, expected: &str) {
        let translated = translate_host(&words(flags), Host::X86_64).unwrap();
        assert_eq!(translated.flags.join(" "), expected, "host flags `{flags}`");
    }

    #[track_caller]
    fn check_device(flags: &str, expected: &str, archs: &str) {
        let translated = translate_device(&words(flags), Host::X86_64).unwrap();
        let found: Vec<_> = translated.archs.iter().map(|arch| format!("{arch:?}")).collect();
        let expected_archs: Vec<_> =
            words(archs).iter().map(|arch| format!("{:?}", arch.parse::<GpuRequest>().unwrap())).collect();
        assert_eq!(
            (translated.flags.join(" ").as_str(), found),
            (expected, expected_archs),
            "device flags `{flags}`"
        );
    }

    #[test]
    fn arm_host_flags_become_x86_64_ones() {
        check_host("-O2 -mcpu=cortex-a78ae -Wall", "-O2 -march=x86-64-v3 -mtune=generic -Wall");
        check_host("-march=armv8.2-a+fp16 -mtune=cortex-a57", "-march=x86-64-v3 -mtune=generic");
        check_host("-mcpu=carmel -march=armv8.2-a", "-march=x86-64-v3 -mtune=generic");
        check_host("-mfpu=neon -mfloat-abi=hard -moutline-atomics", "");
        check_host("-mbranch-protection=standard", "-fcf-protection=full");
        check_host("--sysroot /opt/jetson -fPIC", "-fPIC");
        check_host("-march=haswell -mavx2 -DX=-mcpu=1", "-march=haswell -mavx2 -DX=-mcpu=1");
    }

    #[test]
    fn nvcc_flags_lose_architectures_and_compiler() {
        check_device(
            "-O3 -gencode arch=compute_87,code=sm_87 --use_fast_math",
            "-O3 --use_fast_math",
            "sm_87",
        );
        check_device("-gencode=arch=compute_72,code=[sm_72,compute_72]", "", "sm_72 compute_72");
        check_device("--generate-code arch=compute_53,code=\"sm_53,compute_53\"", "", "sm_53 compute_53");
        check_device("-arch=sm_87", "", "sm_87 compute_87");
        check_device("-arch compute_53 -code sm_53,sm_62", "", "sm_53 sm_62");
        check_device("-arch=native -lineinfo", "-lineinfo", "");
        check_device("-ccbin aarch64-linux-gnu-g++ -target-dir sbsa-linux -lineinfo", "-lineinfo", "");
        check_device(
            "-Xcompiler -mcpu=cortex-a57,-Wall -Xcompiler=-fPIC",
            "-Xcompiler -march=x86-64-v3,-mtune=generic,-Wall -Xcompiler -fPIC",
            "",
        );
        check_device("-Xcompiler -mfpu=neon", "", "");
        check_device("-Xptxas -arch=sm_1 -Xptxas=-v", "-Xptxas -arch=sm_1 -Xptxas -v", "");
    }

    #[test]
    fn unreadable_architectures_are_refused() {
        for flags in [
            "-gencode arch=compute_87",
            "-gencode 87",
            "-arch=87",
            "-arch=sm_x",
            "-gencode",
            "-arch sm_80 -code 80",
        ] {
            assert!(translate_device(&words(flags), Host::X86_64).is_err(), "`{flags}` was taken");
        }
    }

    #[test]
    fn on_an_arm_host_arm_flags_stay() {
        let flags = words("-mcpu=cortex-a78ae --sysroot /opt/jetson");
        let translated = translate_host(&flags, Host::Aarch64).unwrap();
        assert_eq!((translated.flags, translated.changes), (flags, Vec::new()));
    }

    #[test]
    fn a_change_says_was_now_and_why() {
        let translated = translate_host(&words("-mfpu=neon"), Host::X86_64).unwrap();
        let [change] = translated.changes.as_slice() else { panic!("one change") };
        assert_eq!(
            (change.rule.as_str(), change.was.as_str(), change.now.as_str()),
            ("CF2006", "-mfpu=neon", "")
        );
    }

    proptest::proptest! {
        #[test]
        fn translating_twice_changes_nothing_more(flags in proptest::collection::vec("(-m(cpu|arch|tune)=[a-z0-9-]{1,9})|(-[A-Za-z]{1,8}(=[a-z0-9_,]{0,9})?)|[a-z.]{1,6}", 0..8)) {
            for translate in [translate_host, translate_device, translate_link] {
                if let Ok(once) = translate(&flags, Host::X86_64) {
                    let twice = translate(&once.flags, Host::X86_64).unwrap();
                    proptest::prop_assert_eq!(&twice.flags, &once.flags);
                    proptest::prop_assert!(twice.changes.is_empty());
                }
            }
        }

        #[test]
        fn a_command_that_needs_no_change_is_not_changed(flags in proptest::collection::vec("-[OWDfgl][a-z0-9=]{0,9}", 0..8)) {
            let translated = translate_host(&flags, Host::X86_64).unwrap();
            proptest::prop_assert_eq!(translated.flags, flags);
        }
    }
}
