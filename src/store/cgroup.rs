//! The memory and thread limits that control groups put on this process.

use std::fs;
use std::path::{Path, PathBuf};

/// The files that hold a limit in version 2 of control groups, and in version 1.
///
/// Memory above `memory.high` is reclaimed by force, so it is a limit like `memory.max`.
const LIMITS_V2: [&str; 2] = ["memory.max", "memory.high"];
const LIMITS_V1: [&str; 1] = ["memory.limit_in_bytes"];

/// Threads and processes of a control group, which counts both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tasks {
    pub max: u64,
    /// The number in all processes of the group.
    pub current: u64,
}

impl Tasks {
    /// Returns how many more are allowed.
    pub fn left(self) -> u64 {
        self.max.saturating_sub(self.current)
    }
}

/// Returns the smallest memory limit in bytes of the control groups that contain this process, from
/// its own group up to the outermost visible one; `None` if only the machine limits it.
///
/// `root` is `/`, or a stand-in for it in tests.
pub(super) fn memory_limit(root: &Path) -> Option<u64> {
    let machine = machine_bytes(root).unwrap_or(u64::MAX);
    groups(root, "memory")?
        .into_iter()
        .flat_map(|Groups { unified, dirs }| {
            let names: &[&str] = if unified { &LIMITS_V2 } else { &LIMITS_V1 };
            dirs.into_iter().flat_map(|dir| names.iter().map(move |name| dir.join(name)))
        })
        .filter_map(|file| number(&file))
        .min()
        // "No limit" in version 1 is a number larger than any machine's memory.
        .filter(|&limit| limit < machine)
}

/// Returns the control group that leaves this process the least room for threads; `None` if none
/// limits them. `root` is `/`, or a stand-in for it in tests.
pub fn tasks(root: &Path) -> Option<Tasks> {
    groups(root, "pids")?
        .into_iter()
        .flat_map(|groups| groups.dirs)
        .filter_map(|dir| {
            let (max, current) =
                (number(&dir.join("pids.max"))?, number(&dir.join("pids.current"))?);
            Some(Tasks { max, current })
        })
        .min_by_key(|tasks| tasks.left())
}

/// Reads a number from a file; `None` for `max`, or if there is no number.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The groups of one hierarchy that contain this process, its own first.
struct Groups {
    unified: bool,
    dirs: Vec<PathBuf>,
}

fn groups(root: &Path, controller: &str) -> Option<Vec<Groups>> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
    let memberships = groups.lines().filter_map(|line| Membership::parse(line, controller));
    let found = memberships.filter_map(|membership| {
        let mut mounts = mounts.lines().filter_map(|line| Mount::parse(line, controller));
        let mount = mounts.find(|mount| membership.is_of(mount))?;
        let dirs = dirs(root, &mount, &membership.path);
        Some(Groups { unified: membership.unified, dirs })
    });
    Some(found.collect())
}

/// The process's group within a hierarchy.
struct Membership {
    unified: bool,
    path: PathBuf,
}

impl Membership {
    /// Parses `4:memory:/docker/…` (version 1) or `0::/…` (version 2); other lines do not concern
    /// `controller`.
    fn parse(line: &str, controller: &str) -> Option<Self> {
        let mut fields = line.splitn(3, ':');
        let (id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let unified = id == "0" && controllers.is_empty();
        let named = controllers.split(',').any(|named| named == controller);
        (unified || named).then(|| Self { unified, path: PathBuf::from(path) })
    }

    fn is_of(&self, mount: &Mount) -> bool {
        mount.unified == self.unified
    }
}

/// Where a hierarchy is mounted, and which of its groups is the root of the mount.
struct Mount {
    unified: bool,
    top: PathBuf,
    point: PathBuf,
}

impl Mount {
    /// Parses `35 31 0:32 /top /point options… - type source super-options`.
    fn parse(line: &str, controller: &str) -> Option<Self> {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (top, point) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let (file_system, options) = (kind.next()?, kind.nth(1)?);
        let unified = file_system == "cgroup2";
        let named =
            file_system == "cgroup" && options.split(',').any(|option| option == controller);
        (unified || named).then(|| Self { unified, top: top.into(), point: point.into() })
    }
}

/// Returns the directories from the process's group up to the mount point.
fn dirs(root: &Path, mount: &Mount, group: &Path) -> Vec<PathBuf> {
    let point = root.join(mount.point.strip_prefix("/").unwrap_or(&mount.point));
    // In a container the group's path may be relative to the host, while the mount starts at the
    // group.
    let below = group.strip_prefix(&mount.top).unwrap_or(Path::new(""));
    let inside = |part: &std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
    let below: PathBuf = below.components().filter(inside).collect();
    below.ancestors().map(|group| point.join(group)).collect()
}

fn machine_bytes(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1_UNLIMITED: &str = "9223372036854771712";

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary directory");
        let meminfo = ("proc/meminfo", "MemTotal:       24684096 kB\nMemFree: 1 kB\n");
        for (path, text) in files.iter().chain([&meminfo]) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("it lies in a directory")).expect("created");
            fs::write(path, text).expect("written");
        }
        root
    }

    #[test]
    fn the_limit_of_an_outer_group_counts_too() {
        let root = machine(&[
            ("proc/self/cgroup", "0::/kubepods/pod1/main\n"),
            ("proc/self/mountinfo", "32 23 0:38 / /sys/fs/cgroup rw shared:4 - cgroup2 none rw\n"),
            ("sys/fs/cgroup/kubepods/pod1/main/memory.max", "max\n"),
            ("sys/fs/cgroup/kubepods/pod1/memory.max", "268435456\n"),
            ("sys/fs/cgroup/kubepods/memory.max", "8589934592\n"),
        ]);
        assert_eq!(memory_limit(root.path()), Some(268_435_456));
    }

    #[test]
    fn a_container_with_its_own_view_reads_the_top() {
        let root = machine(&[
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", "32 23 0:38 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n"),
            ("sys/fs/cgroup/memory.max", "536870912\n"),
            ("sys/fs/cgroup/memory.high", "402653184\n"),
        ]);
        assert_eq!(memory_limit(root.path()), Some(402_653_184));
    }

    #[test]
    fn version_1_names_the_group_from_outside_the_container() {
        let root = machine(&[
            ("proc/self/cgroup", "9:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n"),
            (
                "proc/self/mountinfo",
                "33 31 0:30 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                 35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                 41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n"),
        ]);
        assert_eq!(memory_limit(root.path()), Some(134_217_728));
    }

    #[test]
    fn version_1_without_limit_is_no_limit() {
        let root = machine(&[
            ("proc/self/cgroup", "4:memory:/session/1\n"),
            ("proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup c rw,memory\n"),
            ("sys/fs/cgroup/memory/session/1/memory.limit_in_bytes", V1_UNLIMITED),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", V1_UNLIMITED),
        ]);
        assert_eq!(memory_limit(root.path()), None);
    }

    #[test]
    fn the_group_that_leaves_the_least_room_bounds_the_threads() {
        let root = machine(&[
            ("proc/self/cgroup", "8:pids:/pod/main\n4:memory:/pod/main\n"),
            ("proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/pids rw - cgroup c rw,pids\n"),
            ("sys/fs/cgroup/pids/pod/main/pids.max", "100\n"),
            ("sys/fs/cgroup/pids/pod/main/pids.current", "20\n"),
            ("sys/fs/cgroup/pids/pod/pids.max", "200\n"),
            ("sys/fs/cgroup/pids/pod/pids.current", "190\n"),
            ("sys/fs/cgroup/pids/pids.max", "max\n"),
            ("sys/fs/cgroup/pids/pids.current", "5000\n"),
        ]);
        let tasks = tasks(root.path()).expect("two groups bound them");
        assert_eq!((tasks, tasks.left()), (Tasks { max: 200, current: 190 }, 10));
    }

    #[test]
    fn a_system_without_control_groups_has_no_limit() {
        assert_eq!(tasks(machine(&[]).path()), None);
        assert_eq!(memory_limit(machine(&[]).path()), None);
    }
}
