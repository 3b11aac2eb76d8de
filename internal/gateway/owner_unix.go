//go:build linux || darwin

package gateway

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// ListenOwner opens the owner's socket at path, in a directory of mode 0700.
// Only the same user, or root, is let through; a socket that another gateway
// left is replaced.
func ListenOwner(path string) (net.Listener, error) {
	dir := filepath.Dir(path)
	st, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if !st.IsDir() || st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("gateway: %s has mode %o, expected a directory of mode 0700", dir, st.Mode().Perm())
	}
	if st, err := os.Lstat(path); err == nil {
		if st.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("gateway: %s is not a socket", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("gateway: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return ownerListener{l}, nil
}

// ownedConn is a connection whose peer was checked.
type ownedConn struct{ net.Conn }

type ownerListener struct{ net.Listener }

// Accept returns only connections of the same user or root; others are closed
// at once.
func (l ownerListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(c)
		if err == nil && (uid == os.Getuid() || uid == 0) {
			return ownedConn{c}, nil
		}
		_ = c.Close()
	}
}

func rawConn(c net.Conn) (syscall.RawConn, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.New("gateway: not a unix socket")
	}
	return u.SyscallConn()
}
