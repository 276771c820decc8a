//! Detects network file systems, whose changes by other machines are not reported.

use std::path::Path;

/// Whether the folder (an absolute path without links) is on a network or shared file system. Always false outside
/// Linux.
pub fn is_remote(folder: &Path) -> bool {
    cfg!(target_os = "linux")
        && std::fs::read_to_string("/proc/self/mounts")
            .is_ok_and(|mounts| is_remote_in(&mounts, folder))
}

/// `mounts` as in /proc/self/mounts: device, mount point, type, and more, a line each.
fn is_remote_in(mounts: &str, folder: &Path) -> bool {
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let point = words.next()?.replace("\\040", " ");
        let kind = words.next()?;
        folder.starts_with(&point).then_some((point.len(), kind))
    });
    // The last of several mounts on one point hides the others.
    let kind = mounted
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind);
    kind.is_some_and(|kind| {
        kind.starts_with("fuse.")
            || [
                "nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "drvfs", "vboxsf", "virtiofs",
            ]
            .contains(&kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "/dev/sda1 / ext4 rw 0 0\nnas:/photos /mnt/my\\040nas nfs4 rw 0 0\n/dev/sdb1 /mnt/my\\040nas/local ext4 rw 0 0\nbox /srv fuse.sshfs rw 0 0\n/dev/sdc1 /usb fuseblk rw 0 0\n";
        let is_remote = |folder: &str| is_remote_in(mounts, Path::new(folder));
        assert!(is_remote("/mnt/my nas/2019"));
        assert!(is_remote("/srv"));
        assert!(!is_remote("/mnt/my nas/local/x"));
        assert!(!is_remote("/mnt/my nasty"));
        assert!(!is_remote("/usb/photos"));
        assert!(!is_remote("/home"));
    }
}
