use crate::files::Folder;
use crate::steward::{run, steward};

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run(steward(folder.path()).args(["completions", shell])).expect(0);
        for command in [
            "validate",
            "explain",
            "test",
            "simulate",
            "inventory",
            "copy",
            "schema",
            "completions",
        ] {
            assert!(ran.stdout.contains(command), "{shell} {command}");
        }
    }
}

#[test]
fn bash_accepts_its_script() {
    let folder = Folder::new();
    let script = run(steward(folder.path()).args(["completions", "bash"]))
        .expect(0)
        .stdout;
    let path = folder.write("steward.bash", &script);
    let status = std::process::Command::new("bash")
        .arg("-n")
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success());
}
