//! The programs that are compared.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use steward_testkit::cloud::command::find;
use steward_testkit::cloud::debian::SKOPEO;

use crate::term;

/// A program that copies images.
pub(in crate::bench) struct Peer {
    pub(super) name: &'static str,
    program: PathBuf,
    arguments: Arguments,
}

/// How a program is told what to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arguments {
    Steward,
    /// All images in one call.
    StewardList,
    Skopeo,
    Crane,
    /// All tags of a repository in one call.
    CraneAll,
    Regctl,
    Ocync,
}

/// Programs that are measured where they are: on `PATH`, or where the variable says.
const OPTIONAL: [(&str, &str, Arguments); 4] = [
    ("crane", "BENCH_CRANE", Arguments::Crane),
    ("crane --all-tags", "BENCH_CRANE", Arguments::CraneAll),
    ("regctl", "BENCH_REGCTL", Arguments::Regctl),
    ("ocync", "BENCH_OCYNC", Arguments::Ocync),
];

/// Ours first, then skopeo, then those that are on this machine; says which are not.
pub(super) fn all() -> anyhow::Result<Vec<Peer>> {
    let mut peers = vec![
        Peer {
            name: "steward copy",
            program: crate::bench::steward()?,
            arguments: Arguments::Steward,
        },
        Peer {
            name: "steward copy --list",
            program: crate::bench::steward()?,
            arguments: Arguments::StewardList,
        },
        Peer {
            name: "skopeo",
            program: SKOPEO.ensure(&|line| term::step(line))?,
            arguments: Arguments::Skopeo,
        },
    ];
    for (name, variable, arguments) in OPTIONAL {
        match std::env::var_os(variable)
            .map(PathBuf::from)
            .or_else(|| name.split(' ').next().and_then(find))
        {
            Some(program) => peers.push(Peer {
                name,
                program,
                arguments,
            }),
            None => term::note(format!(
                "{name} is not compared: it is not on PATH, and {variable} names no program"
            )),
        }
    }
    Ok(peers)
}

impl Peer {
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.arguments, Arguments::Steward | Arguments::StewardList)
    }

    /// Whether it is of use only where there is more than one image to copy.
    pub(super) fn is_for_many(&self) -> bool {
        matches!(self.arguments, Arguments::StewardList | Arguments::CraneAll)
    }

    /// The commands that copy images (`repository:tag`), with everything below them, between registries
    /// that speak plain HTTP, or TLS where there is a `certificate` to trust. Nobody copies referrers,
    /// which not all of them can. `folder` is for what a program wants to be told in a file.
    pub(super) fn copies(
        &self,
        from: &str,
        to: &str,
        images: &[String],
        folder: &Path,
        certificate: Option<&Path>,
    ) -> anyhow::Result<Vec<Command>> {
        match self.arguments {
            Arguments::StewardList => {
                let lines = images
                    .iter()
                    .map(|image| format!("{from}/{image} {to}/{image}\n"));
                let file = folder.join("images.txt");
                write(&file, &lines.collect::<String>())?;
                let mut command = Command::new(&self.program);
                command.args(["copy", "--quiet", "--no-referrers", "--list"]);
                command.arg(&file);
                Ok(vec![command])
            }
            Arguments::CraneAll => {
                let mut repositories: Vec<&str> = images
                    .iter()
                    .filter_map(|image| image.rsplit_once(':').map(|(repository, _)| repository))
                    .collect();
                repositories.sort_unstable();
                repositories.dedup();
                let command = |repository| {
                    let mut command = Command::new(&self.program);
                    command.args(["copy", "--insecure", "--all-tags"]);
                    command.arg(format!("{from}/{repository}"));
                    command.arg(format!("{to}/{repository}"));
                    command
                };
                Ok(repositories.into_iter().map(command).collect())
            }
            _ => images
                .iter()
                .map(|image| {
                    let (from, to) = (format!("{from}/{image}"), format!("{to}/{image}"));
                    self.copy(&from, &to, folder, certificate)
                })
                .collect(),
        }
    }

    fn copy(
        &self,
        from: &str,
        to: &str,
        folder: &Path,
        certificate: Option<&Path>,
    ) -> anyhow::Result<Command> {
        let mut command = Command::new(&self.program);
        match self.arguments {
            Arguments::Steward | Arguments::StewardList => {
                command.args(["copy", "--quiet", "--no-referrers", from, to]);
                if let Some(certificate) = certificate {
                    // Without being told it speaks plain HTTP to this machine.
                    let endpoints = [from, to]
                        .map(host)
                        .map(|host| format!("{host}=https://{host}"));
                    command.env("STEWARD_REGISTRY_ENDPOINTS", endpoints.join(","));
                    command.env("SSL_CERT_FILE", certificate);
                }
            }
            Arguments::Skopeo => {
                command.args(["--insecure-policy", "copy", "--quiet", "--all"]);
                command.args(["--preserve-digests"]);
                command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
                command.args([format!("docker://{from}"), format!("docker://{to}")]);
            }
            Arguments::Crane | Arguments::CraneAll => {
                command.args(["copy", from, to]);
                match certificate {
                    Some(certificate) => command.env("SSL_CERT_FILE", certificate),
                    None => command.arg("--insecure"),
                };
            }
            Arguments::Regctl => {
                let trust = match certificate {
                    Some(file) => serde_json::json!({ "regcert": read(file)? }),
                    None => serde_json::json!({ "tls": "disabled" }),
                };
                let hosts: serde_json::Map<String, serde_json::Value> = [from, to]
                    .map(|image| (host(image).to_owned(), trust.clone()))
                    .into_iter()
                    .collect();
                let file = folder.join("regctl.json");
                let configuration = serde_json::json!({ "hosts": hosts });
                write(&file, &configuration.to_string())?;
                command.env("REGCTL_CONFIG", &file);
                command.args(["image", "copy", from, to]);
            }
            Arguments::Ocync => {
                command.args(["copy", from, to]);
            }
        }
        Ok(command)
    }
}

fn host(image: &str) -> &str {
    image.split_once('/').map_or(image, |(host, _)| host)
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
