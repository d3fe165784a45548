//! What the plugin is told: words `name=value` behind `-plugin FILE`.

use std::path::PathBuf;

/// The plugin's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where `libcuda.so.1` may lie: the first that loads is taken, and, where there is a software device to fall back to,
    /// has a GPU. A name without a slash is looked for as the loader does.
    pub(crate) drivers: Vec<String>,
    /// The software device, for when none of [`drivers`](Self::drivers) will do.
    pub(crate) soft: Option<String>,
    /// How many words of qemu's command line come before the program's: with them, programs that the program starts are
    /// emulated in turn. 0: they are left to the kernel.
    pub(crate) prefix: usize,
    /// The root of the program's files, which qemu knows as `-L`.
    pub(crate) root: Option<PathBuf>,
    /// Where the trace is written: a Chrome trace if the name ends with `.json`, else a line a call. `-`: standard error.
    pub(crate) trace: Option<String>,
    /// Whether a summary is printed at exit.
    pub(crate) summary: bool,
}

impl Settings {
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self::default();
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            match name {
                "driver" => settings.drivers.push(value.to_owned()),
                "soft" => settings.soft = Some(value.to_owned()),
                "prefix" => {
                    let count =
                        value.parse().map_err(|_| format!("`{word}`: `prefix` is a number of words"))?;
                    settings.prefix = count;
                }
                "root" => settings.root = Some(value.into()),
                "trace" => settings.trace = Some(value.to_owned()),
                "summary" => settings.summary = true,
                _ => return Err(format!("`{word}` is no setting of this plugin")),
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Settings, String> {
        Settings::parse(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn words_become_settings() {
        let settings =
            parse(&["driver=/a=b", "driver=libcuda.so.1", "prefix=10", "root=/", "summary=on"]).unwrap();
        assert_eq!(settings.drivers, ["/a=b", "libcuda.so.1"], "only the first `=` divides");
        assert_eq!((settings.prefix, settings.summary), (10, true));
        assert_eq!((settings.root, settings.soft, settings.trace), (Some("/".into()), None, None));
    }

    #[test]
    fn what_is_no_setting_is_named() {
        assert_eq!(parse(&["device=soft"]).unwrap_err(), "`device=soft` is no setting of this plugin");
        assert_eq!(parse(&["prefix=ten"]).unwrap_err(), "`prefix=ten`: `prefix` is a number of words");
    }
}
