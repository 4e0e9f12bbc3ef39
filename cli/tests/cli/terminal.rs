//! What a person sees on a terminal: the command runs on a pseudo terminal.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};

use nix::pty::{Winsize, openpty};
use steward_testkit::image::{Image, Layer, LayoutEntry, write_layout};

use crate::files::Folder;

/// Runs `steward` on a terminal of 24 lines and 100 columns, and returns everything that it wrote
/// and its exit code.
fn on_terminal(folder: &Folder, args: &[&str], variables: &[(&str, &str)]) -> (String, i32) {
    let size = Winsize {
        ws_row: 24,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pty = openpty(Some(&size), None).unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("steward"));
    command
        .args(args)
        .env_clear()
        .env("HOME", folder.path())
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(pty.slave.try_clone().unwrap())
        .stderr(pty.slave);
    let mut child = command.spawn().unwrap();
    // The command keeps its own copies of the terminal; ours must go, or the end is never seen.
    drop(command);
    let mut screen = Vec::new();
    let mut master = File::from(pty.master);
    let mut buffer = [0; 4096];
    // Linux says EIO when the last process has closed the terminal.
    while let Ok(read @ 1..) = master.read(&mut buffer) {
        screen.extend_from_slice(&buffer[..read]);
    }
    let code = child.wait().unwrap().code().unwrap_or(-1);
    (String::from_utf8_lossy(&screen).replace("\r\n", "\n"), code)
}

#[test]
fn a_mistake_is_shown_in_its_line() {
    let folder = Folder::new();
    folder.write("policy.yaml", "version: 1\nmode: enforced\n");
    let (screen, code) = on_terminal(&folder, &["validate", "policy.yaml"], &[]);
    assert_eq!(code, 3, "{screen}");
    assert!(screen.contains("\u{1b}["), "{screen}");
    let plain = anstream::adapter::strip_str(&screen).to_string();
    assert!(plain.starts_with("policy.yaml:2:7: mode: "), "{plain}");
    assert!(
        plain.contains("2 | mode: enforced\n  |       ^^^^^^^^\n"),
        "{plain}"
    );
    assert!(plain.ends_with("policy.yaml: 1 mistake\n"), "{plain}");
}

#[test]
fn no_color_is_respected() {
    let folder = Folder::new();
    folder.write("policy.yaml", "version: 1\nmode: enforced\n");
    let (screen, _) = on_terminal(&folder, &["validate", "policy.yaml"], &[("NO_COLOR", "1")]);
    assert!(!screen.contains('\u{1b}'), "{screen}");
    assert!(screen.contains("^^^^^^^^"), "{screen}");
}

#[test]
fn a_copy_draws_bars_and_leaves_only_the_result() {
    let folder = Folder::new();
    let image = Image::builder().layer(Layer::random(1, 64 << 20)).build();
    let entries = [LayoutEntry {
        image: &image,
        tag: Some("v1"),
    }];
    write_layout(&folder.path().join("in"), &entries).unwrap();
    let (screen, code) = on_terminal(&folder, &["copy", "oci:in", "oci:out"], &[]);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("MiB/64.0"), "{screen}");
    let (_, result) = screen.rsplit_once("copied").unwrap();
    assert!(result.contains(image.digest().as_str()), "{screen}");
}
