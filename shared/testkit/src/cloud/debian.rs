//! Programs that come from Debian's packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::{find, run};
use super::error::CloudError;
use super::paths;

/// A program of a Debian package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program's name on `PATH`.
    pub name: &'static str,
    /// The package it comes with.
    pub package: &'static str,
}

/// CNCF Distribution, the registry that is not ECR.
pub const DOCKER_REGISTRY: Program = Program {
    name: "docker-registry",
    package: "docker-registry",
};

/// A client that pushes and pulls images.
pub const SKOPEO: Program = Program {
    name: "skopeo",
    package: "skopeo",
};

/// A browser without a screen, for the pages that people look at.
pub const CHROMIUM: Program = Program {
    name: "chromium",
    package: "chromium",
};

impl Program {
    /// Where the program is, if it is there.
    #[must_use]
    pub fn find(self) -> Option<PathBuf> {
        find(self.name)
    }

    /// Where the program is, after an installation when it was missing.
    ///
    /// # Errors
    /// As [`ensure_all`].
    pub fn ensure(self, progress: &dyn Fn(&str)) -> Result<PathBuf, CloudError> {
        ensure_all(&[self], progress)?;
        self.find().ok_or_else(|| missing(&[self], None))
    }

    /// Where the program is, for those who can do without it. An installation that failed is not
    /// tried again, because that takes long; `progress` is told why the program is not there.
    pub(crate) fn ensure_once(self, progress: &dyn Fn(&str)) -> Option<PathBuf> {
        if let Some(found) = self.find() {
            return Some(found);
        }
        let stamp = paths::target().join(format!("{}.not-installed", self.package));
        if let Ok(reason) = fs::read_to_string(&stamp) {
            progress(&format!(
                "going on without {}; to try its installation again, remove {} ({})",
                self.name,
                stamp.display(),
                reason.lines().next().unwrap_or_default()
            ));
            return None;
        }
        match self.ensure(progress) {
            Ok(found) => Some(found),
            Err(error) => {
                let reason = error.to_string();
                progress(&format!("going on without {}: {reason}", self.name));
                // Without the right to install, looking again costs nothing.
                if Apt::usable().is_some() {
                    let _ = fs::write(&stamp, reason);
                }
                None
            }
        }
    }
}

/// Installs all that are missing, in one go.
///
/// # Errors
/// [`CloudError::Missing`] with the one line that installs them, and with what went wrong when this
/// process tried that itself.
pub fn ensure_all(programs: &[Program], progress: &dyn Fn(&str)) -> Result<(), CloudError> {
    let wanted = |programs: &[Program]| -> Vec<Program> {
        let absent = programs.iter().filter(|program| program.find().is_none());
        absent.copied().collect()
    };
    let absent = wanted(programs);
    if absent.is_empty() {
        return Ok(());
    }
    let apt = Apt::usable().ok_or_else(|| missing(&absent, None))?;
    let packages: Vec<&str> = absent.iter().map(|program| program.package).collect();
    progress(&format!("installing {} with apt-get", packages.join(", ")));
    let failure = apt.install(&packages).err();
    let absent = wanted(&absent);
    if absent.is_empty() {
        return Ok(());
    }
    Err(missing(&absent, failure.as_ref()))
}

fn missing(programs: &[Program], failure: Option<&CloudError>) -> CloudError {
    let list = |of: fn(&Program) -> &'static str, between: &str| {
        programs.iter().map(of).collect::<Vec<_>>().join(between)
    };
    let names = list(|program| program.name, ", ");
    let by_hand = format!(
        "install with `sudo apt-get install {}` and try again",
        list(|program| program.package, " ")
    );
    CloudError::Missing {
        name: if programs.len() == 1 {
            names
        } else {
            format!("each of {names}")
        },
        hint: match failure {
            Some(failure) => format!("{by_hand}; trying that here did not work: {failure}"),
            None => by_hand,
        },
    }
}

/// Debian's package starts a server with this name, which nobody asked for here.
const REGISTRY_SERVICE: &str = "docker-registry.service";

/// apt-get as root, or through a sudo that asks nothing.
struct Apt {
    sudo: bool,
}

impl Apt {
    fn usable() -> Option<Self> {
        find("apt-get")?;
        if nix::unistd::geteuid().is_root() {
            return Some(Self { sudo: false });
        }
        run(Command::new("sudo").args(["-n", "true"]), "")
            .ok()
            .map(|_| Self { sudo: true })
    }

    fn install(&self, packages: &[&str]) -> Result<(), CloudError> {
        if packages.contains(&DOCKER_REGISTRY.package) && Path::new("/run/systemd/system").exists()
        {
            self.call("systemctl", &["mask", REGISTRY_SERVICE])?;
        }
        // A list of packages that is too old names files which are gone. Where it cannot be
        // renewed, it may still do.
        let updated = self.call("apt-get", &["-q", "-o", LOCK_PATIENCE, "update"]);
        let mut arguments = vec!["-q", "-y", "-o", LOCK_PATIENCE];
        arguments.extend(["--no-install-recommends", "install"]);
        arguments.extend(packages);
        match (self.call("apt-get", &arguments), updated) {
            (Ok(()), _) => Ok(()),
            // The first failure is the cause of the second.
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
        }
    }

    fn call(&self, program: &str, arguments: &[&str]) -> Result<(), CloudError> {
        let mut command = if self.sudo {
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", program]);
            sudo
        } else {
            let mut plain = Command::new(program);
            plain.env("DEBIAN_FRONTEND", "noninteractive");
            plain
        };
        run(command.args(arguments), "it comes with Debian").map(drop)
    }
}

/// Seconds to wait for another installation on this machine.
const LOCK_PATIENCE: &str = "DPkg::Lock::Timeout=120";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_one_line_and_the_reason() {
        let failure = CloudError::Failed {
            command: "apt-get update".to_owned(),
            status: "exit status: 100".to_owned(),
            output: "no network".to_owned(),
        };
        let text = missing(&[DOCKER_REGISTRY, SKOPEO], Some(&failure)).to_string();
        assert!(text.starts_with("each of docker-registry, skopeo is missing: "));
        assert!(text.contains("`sudo apt-get install docker-registry skopeo`"));
        assert!(text.ends_with("no network"), "{text}");
        let text = missing(&[SKOPEO], None).to_string();
        assert!(text.starts_with("skopeo is missing: "), "{text}");
    }
}
