//go:build linux && (amd64 || arm64)

package attack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

func read(path string) error {
	_, err := os.ReadFile(path)
	return err
}

func create(path string) error { return os.WriteFile(path, []byte("x"), 0o644) }

func openWrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_ = f.Close()
	}
	return err
}

func runTrue() error {
	pid, err := syscall.ForkExec("/usr/bin/true", []string{"true"}, &syscall.ProcAttr{})
	if err != nil {
		return err
	}
	return collect(pid)
}

func controls() []attempt {
	return []attempt{
		{"write in the workspace", control, func(f field) error { return create(f.Workspace + "/src/mine") }},
		{"read a steering file", control, func(f field) error { return read(f.Workspace + "/AGENTS.md") }},
		{"read a read root", control, func(f field) error { return read(f.ReadRoot + "/tool") }},
		{"read the system", control, func(field) error { return read("/usr/bin/true") }},
		{"run a program", control, func(field) error { return runTrue() }},
		{"write /dev/null", control, func(field) error { return openWrite("/dev/null") }},
		{"write in HOME", control, func(field) error { return create(os.Getenv("HOME") + "/file") }},
		{"write in TMPDIR", control, func(field) error { return create(os.Getenv("TMPDIR") + "/file") }},
		{"be in the workspace", control, func(f field) error {
			wd, err := os.Getwd()
			if err == nil && wd != f.Workspace {
				err = fmt.Errorf("in %q", wd)
			}
			return err
		}},
	}
}

func fileAttempts() []attempt {
	return []attempt{
		{"list /root", always, func(field) error { _, err := os.ReadDir("/root"); return err }},
		{"read /etc/shadow", always, func(field) error { return read("/etc/shadow") }},
		{"write /etc", always, func(field) error { return create("/etc/openclaw-escape") }},
		{"write /usr", always, func(field) error { return create("/usr/openclaw-escape") }},
		{"write /proc/sys", always, func(field) error { return openWrite("/proc/sys/kernel/core_pattern") }},
		{"write /proc/1/exe", always, func(field) error { return openWrite("/proc/1/exe") }},
		{"open a device", atConfined, func(field) error {
			return firstOpen("/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/mem", "/dev/kmsg", "/dev/fuse", "/dev/kvm")
		}},
		{"make a device", always, func(f field) error { return unix.Mknod(f.Workspace+"/src/disk", unix.S_IFBLK|0o666, 254<<8) }},
		{"read outside", atConfined, func(f field) error { return read(f.Secret) }},
		{"read outside by ..", atConfined, func(f field) error { return read(f.Workspace + "/../outside/" + filepath.Base(f.Secret)) }},
		{"read outside by a symbolic link", atConfined, func(f field) error {
			if err := os.Symlink(f.Secret, f.Workspace+"/src/link"); err != nil {
				return err
			}
			return read(f.Workspace + "/src/link")
		}},
		{"read outside by a linked directory", atConfined, func(f field) error {
			if err := os.Symlink(filepath.Dir(f.Secret), f.Workspace+"/src/linkdir"); err != nil {
				return err
			}
			return read(f.Workspace + "/src/linkdir/" + filepath.Base(f.Secret))
		}},
		{"read outside by a hard link", atConfined, func(f field) error {
			if err := os.Link(f.Secret, f.Workspace+"/src/hard"); err != nil {
				return err
			}
			return read(f.Workspace + "/src/hard")
		}},
		{"read outside by /proc/self/root", atConfined, func(f field) error { return read("/proc/self/root" + f.Secret) }},
		{"read outside by /proc/1/root", atConfined, func(f field) error { return read("/proc/1/root" + f.Secret) }},
		{"read outside by the parent's root", atConfined, func(f field) error { return read("/proc/" + strconv.Itoa(os.Getppid()) + "/root" + f.Secret) }},
		{"write outside", atConfined, func(f field) error { return create(f.Open + "/escape") }},
		{"write outside by a symbolic link", atConfined, func(f field) error {
			if err := os.Symlink(f.Open+"/through", f.Workspace+"/src/out"); err != nil {
				return err
			}
			return create(f.Workspace + "/src/out")
		}},
		{"rename to the outside", atConfined, func(f field) error {
			if err := create(f.Workspace + "/src/going"); err != nil {
				return err
			}
			return os.Rename(f.Workspace+"/src/going", f.Open+"/gone")
		}},
		{"truncate outside", atConfined, func(f field) error { return os.Truncate(f.Open+"/theirs", 0) }},
		{"change mode outside", atIsolated, func(f field) error { return os.Chmod(f.Open+"/theirs", 0o600) }},
		{"write in a read root", atConfined, func(f field) error { return create(f.ReadRoot + "/new") }},
		{"change a read root's file", atConfined, func(f field) error { return openWrite(f.ReadRoot + "/tool") }},
		{"read a masked file", atConfined, func(f field) error { return read(f.Workspace + "/.env") }},
		{"read in a masked directory", atConfined, func(f field) error { return read(f.Workspace + "/private/key") }},
		{"uncover a masked file", atConfined, func(f field) error {
			if err := os.Rename(f.Workspace+"/.env", f.Workspace+"/src/env2"); err != nil {
				return err
			}
			return read(f.Workspace + "/src/env2")
		}},
		{"link a masked file", atConfined, func(f field) error {
			if err := os.Link(f.Workspace+"/.env", f.Workspace+"/src/env3"); err != nil {
				return err
			}
			return read(f.Workspace + "/src/env3")
		}},
		{"list the root of the host", atConfined, func(field) error {
			if _, err := os.Stat("/sys/kernel"); err == nil {
				_, err = os.ReadDir("/sys/kernel")
				return err
			}
			return unix.ENOENT
		}},
	}
}

func firstOpen(paths ...string) error {
	errs := []error{}
	for _, p := range paths {
		f, err := os.Open(p)
		if err == nil {
			_ = f.Close()
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func steeringAttempts() []attempt {
	return []attempt{
		{"change a steering file", atConfined, func(f field) error { return openWrite(f.Workspace + "/AGENTS.md") }},
		{"remove a steering file", atConfined, func(f field) error { return os.Remove(f.Workspace + "/AGENTS.md") }},
		{"rename a steering file", atConfined, func(f field) error { return os.Rename(f.Workspace+"/AGENTS.md", f.Workspace+"/src/x.md") }},
		{"rename over a steering file", atConfined, func(f field) error {
			if err := create(f.Workspace + "/src/new.md"); err != nil {
				return err
			}
			return os.Rename(f.Workspace+"/src/new.md", f.Workspace+"/AGENTS.md")
		}},
		{"create an absent steering file", atConfined, func(f field) error { return create(f.Workspace + "/.envrc") }},
		{"link an absent steering file", atConfined, func(f field) error { return os.Symlink("src/mine", f.Workspace+"/.envrc") }},
		{"create in a steering directory", atConfined, func(f field) error { return create(f.Workspace + "/.git/hooks/pre-commit") }},
		{"rename a steering directory's parent", atConfined, func(f field) error { return os.Rename(f.Workspace+"/.git", f.Workspace+"/git2") }},
		{"create an absent steering directory", atConfined, func(f field) error {
			if err := os.MkdirAll(f.Workspace+"/.vscode", 0o755); err != nil {
				return err
			}
			return create(f.Workspace + "/.vscode/tasks.json")
		}},
	}
}
