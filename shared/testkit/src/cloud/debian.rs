//! Programs that come from Debian's packages.

use std::path::PathBuf;
use std::process::Command;

use super::command::{find, run};
use super::error::CloudError;

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
    /// [`CloudError::Missing`] with the one line that installs it, when this process may not.
    pub fn ensure(self, progress: &dyn Fn(&str)) -> Result<PathBuf, CloudError> {
        if let Some(found) = self.find() {
            return Ok(found);
        }
        let missing = || CloudError::Missing {
            name: self.name.to_owned(),
            hint: format!(
                "install it with `sudo apt-get install {}` and try again",
                self.package
            ),
        };
        let apt = Apt::usable().ok_or_else(missing)?;
        progress(&format!("installing {} with apt-get", self.package));
        apt.install(self.package)
            .map_err(|error| CloudError::Missing {
                name: self.name.to_owned(),
                hint: format!("`apt-get install {}` did not work: {error}", self.package),
            })?;
        self.find().ok_or_else(missing)
    }
}

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

    fn install(&self, package: &str) -> Result<(), CloudError> {
        // A list of packages that is too old names files which are gone.
        self.call(&["update", "-q"])?;
        self.call(&["install", "-q", "-y", "--no-install-recommends", package])
    }

    fn call(&self, arguments: &[&str]) -> Result<(), CloudError> {
        let mut command = if self.sudo {
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            sudo
        } else {
            let mut apt = Command::new("apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive");
            apt
        };
        run(command.args(arguments), "it comes with Debian").map(drop)
    }
}
