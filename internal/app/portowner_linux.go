package app

import (
	"bytes"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// PortOwner names who listens on a TCP port of this machine, so that a port
// that somebody else took is told and not spoken to (R17). "" means that
// nobody does. The process is named when this user may look at it.
func PortOwner(port int) string {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		if uid, inode, ok := listener(b, port); ok {
			who := "user " + uid
			if u, err := user.LookupId(uid); err == nil {
				who = "user " + u.Username
			}
			if pid, name, ok := holderOf(inode); ok {
				return fmt.Sprintf("process %d (%s) of %s", pid, name, who)
			}
			return "a process of " + who
		}
	}
	return ""
}

// listener finds the socket that listens on a port in a table of the kernel's.
func listener(table []byte, port int) (uid, inode string, ok bool) {
	const listens = "0A"
	want := fmt.Sprintf(":%04X", port)
	for line := range bytes.Lines(table) {
		f := strings.Fields(string(line))
		if len(f) > 9 && f[3] == listens && strings.HasSuffix(f[1], want) {
			return f[7], f[9], true
		}
	}
	return "", "", false
}

// holderOf finds the process that has a socket open.
func holderOf(inode string) (pid int, name string, ok bool) {
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0, "", false
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err != nil || to != "socket:["+inode+"]" {
			continue
		}
		id := strings.Split(fd, "/")[2]
		comm, err := os.ReadFile("/proc/" + id + "/comm")
		if pid, perr := strconv.Atoi(id); perr == nil && err == nil {
			return pid, strings.TrimSpace(string(comm)), true
		}
	}
	return 0, "", false
}
