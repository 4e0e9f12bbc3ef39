//! Two real registries of which one is ECR to the command, and a policy that copies between them.

use assert_cmd::Command;
use steward_testkit::image::{Image, Layer, LayoutEntry, write_layout};
use steward_testkit::json_api::JsonApi;

use crate::distribution::Distribution;
use crate::ecr_api;
use crate::files::Folder;
use crate::steward::{Ran, run, steward};

pub(crate) const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

pub(crate) struct World {
    pub(crate) folder: Folder,
    pub(crate) source: Distribution,
    pub(crate) target: Distribution,
    pushed: Vec<(&'static str, &'static str)>,
    api: JsonApi,
}

impl World {
    /// A source without images, and the rule `mirror` with these further lines.
    pub(crate) fn empty(mode: &str, lines: &str) -> Self {
        let (source, target) = (Distribution::start(), Distribution::start());
        let folder = Folder::new();
        let policy = format!(
            "version: 1\nmode: {mode}\nreplication:\n- name: mirror\n  repositories: [\"prod/**\"]\n  \
             tags: {{allow: [semver]}}\n{lines}  to:\n  \
             - {{registry: \"{}\", repository: \"mirror/{{basename}}\"}}\n",
            target.address()
        );
        folder.write("policy.yaml", &policy);
        Self {
            folder,
            source,
            target,
            pushed: Vec::new(),
            api: ecr_api::start(Vec::new()),
        }
    }

    /// Two releases and a branch at the source, of which the target has nothing.
    pub(crate) fn new() -> Self {
        Self::in_mode("enforce")
    }

    pub(crate) fn in_mode(mode: &str) -> Self {
        let mut world = Self::empty(mode, "");
        for tag in ["v1.0.0", "v2.0.0", "main"] {
            let image = Image::builder()
                .layer(Layer::file("app/version", tag))
                .build();
            world.push("prod/app", tag, &image);
        }
        world
    }

    /// Adds lines to the policy.
    pub(crate) fn extend_policy(&self, lines: &str) {
        let path = self.folder.path().join("policy.yaml");
        let policy = std::fs::read_to_string(path).unwrap();
        self.folder.write("policy.yaml", &(policy + lines));
    }

    /// Pushes an image to the source, which lists it from then on.
    pub(crate) fn push(&mut self, repository: &'static str, tag: &'static str, image: &Image) {
        let entry = LayoutEntry {
            image,
            tag: Some(tag),
        };
        let layout = self.pushed.len();
        let name = format!("in-{layout}-{}", image.digest().hex());
        write_layout(&self.folder.path().join(&name), &[entry]).unwrap();
        let to = format!("{}/{repository}:{tag}", self.source.address());
        run(steward(self.folder.path()).args(["copy", &format!("oci:{name}:{tag}"), &to]))
            .expect(0);
        if !self.pushed.contains(&(repository, tag)) {
            self.pushed.push((repository, tag));
        }
        let mut listed = ecr_api::Repositories::new();
        for (repository, tag) in &self.pushed {
            let image = (self.source.digest_of(repository, tag).unwrap(), vec![*tag]);
            match listed.iter_mut().find(|(known, _)| known == repository) {
                Some((_, images)) => images.push(image),
                None => listed.push((repository, vec![image])),
            }
        }
        self.api = ecr_api::start(listed);
    }

    /// The command, not run yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command: Command = steward(self.folder.path());
        command
            .args(arguments)
            .args(["--policy", "policy.yaml", "--registry", ECR])
            .env(
                "STEWARD_REGISTRY_ENDPOINTS",
                format!("{ECR}=http://{}", self.source.address()),
            )
            .env("AWS_ENDPOINT_URL_ECR", self.api.url())
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "example");
        command
    }

    /// Runs the command for a program.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments).args(["--format", "json"]))
    }

    pub(crate) fn copied(&self, tag: &str) -> bool {
        let here = self.source.digest_of("prod/app", tag);
        here.is_some() && here == self.target.digest_of("mirror/app", tag)
    }
}
