//! The programs that this process has started: builds and installations.

use std::collections::BTreeMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp};

/// What the kernel tells of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    parent: i32,
    group: i32,
}

/// Asks them, and what they started, to end. Servers have groups of their own and a supervisor that
/// ends them in good order; those are left to it.
pub(super) fn end() {
    let Ok(this) = i32::try_from(std::process::id()) else {
        return;
    };
    for pid in descendants(&processes(), this, getpgrp().as_raw()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

fn processes() -> BTreeMap<i32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read(entry.path().join("stat")).ok()?;
            Some((pid, parse(&String::from_utf8_lossy(&stat))?))
        })
        .collect()
}

/// Reads `/proc/<pid>/stat`: the number, the name in parentheses, the state, the parent, the group.
fn parse(stat: &str) -> Option<Process> {
    // The name may hold parentheses and spaces itself.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(1);
    Some(Process {
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
    })
}

/// Those below `root` that are in its group, by way of others in that group.
fn descendants(processes: &BTreeMap<i32, Process>, root: i32, group: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for (&pid, process) in processes {
            let ours = process.parent == parent && process.group == group && pid != root;
            if ours && !found.contains(&pid) {
                found.push(pid);
                parents.push(pid);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_and_group_are_read_past_any_name() {
        assert_eq!(
            parse("12 (a) b (c) S 7 9 9 0"),
            Some(Process {
                parent: 7,
                group: 9
            })
        );
        assert_eq!(parse("12 (a"), None);
        assert_eq!(parse("12 (a) S 7"), None);
    }

    #[test]
    fn only_the_own_group_below_this_process_counts() {
        let process = |parent, group| Process { parent, group };
        let processes = BTreeMap::from([
            (1, process(0, 1)),
            (10, process(1, 10)),
            (11, process(10, 10)),
            (12, process(11, 10)),
            (13, process(10, 13)),
            (14, process(13, 10)),
            (15, process(1, 10)),
        ]);
        assert_eq!(descendants(&processes, 10, 10), [11, 12]);
    }

    #[test]
    fn this_process_is_among_those_of_the_kernel() {
        let this = i32::try_from(std::process::id()).unwrap();
        let group = processes().get(&this).map(|process| process.group);
        assert_eq!(group, Some(getpgrp().as_raw()));
    }
}
