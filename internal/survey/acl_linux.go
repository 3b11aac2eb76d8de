package survey

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Tags of a POSIX access list entry (acl(5), linux/posix_acl_xattr.h).
const (
	aclUser  = 0x02
	aclGroup = 0x08
	aclMask  = 0x10
)

// accessList reads the entries of a file's access list that let users or
// groups in who are neither owner nor root.
func accessList(path string, owner int) []string {
	var buf [1024]byte
	n, err := unix.Getxattr(path, "system.posix_acl_access", buf[:])
	if err != nil || n < 4 {
		return nil // none, or a file system without
	}
	type entry struct {
		tag, perm uint16
		id        uint32
	}
	var entries []entry
	mask := uint16(7)
	for b := buf[4:n]; len(b) >= 8; b = b[8:] {
		e := entry{binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:])}
		if e.tag == aclMask {
			mask = e.perm
		}
		entries = append(entries, e)
	}
	var out []string
	for _, e := range entries {
		if e.perm&mask == 0 {
			continue
		}
		switch {
		case e.tag == aclUser && e.id != 0 && int(e.id) != owner:
			out = append(out, fmt.Sprintf("user %d %s", e.id, rights(e.perm&mask)))
		case e.tag == aclGroup && e.id != 0:
			out = append(out, fmt.Sprintf("group %d %s", e.id, rights(e.perm&mask)))
		}
	}
	return out
}

func rights(perm uint16) string {
	out := ""
	for i, c := range "rwx" {
		if perm&(4>>i) != 0 {
			out += string(c)
		} else {
			out += "-"
		}
	}
	return out
}
