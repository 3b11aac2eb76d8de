//go:build linux && (amd64 || arm64)

package linux

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sock is our end of a packet socketpair.
type sock struct {
	f  *os.File
	rc syscall.RawConn
}

// newPair gives our end and the other process's end, which the caller closes
// once it was passed on.
func newPair() (*sock, int, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, fmt.Errorf("sandbox: socketpair: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, -1, errors.Join(err, unix.Close(fds[0]), unix.Close(fds[1]))
	}
	f := os.NewFile(uintptr(fds[0]), "sandbox")
	rc, err := f.SyscallConn()
	if err != nil {
		return nil, -1, errors.Join(err, f.Close(), unix.Close(fds[1]))
	}
	return &sock{f, rc}, fds[1], nil
}

func (s *sock) close() { _ = s.f.Close() }

// number is the descriptor, for passing it on; the caller keeps s open.
func (s *sock) number() int {
	n := -1
	_ = s.rc.Control(func(fd uintptr) { n = int(fd) })
	return n
}

func (s *sock) deadline(t time.Time) { _ = s.f.SetDeadline(t) }

func (s *sock) send(p []byte, fds ...int) error {
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	var err error
	werr := s.rc.Write(func(fd uintptr) bool {
		err = unix.Sendmsg(int(fd), p, oob, nil, unix.MSG_NOSIGNAL)
		return err != unix.EAGAIN && err != unix.EINTR
	})
	return errors.Join(werr, err)
}

// recv reads one packet with the descriptors that came along. A closed peer is
// io.EOF.
func (s *sock) recv(buf []byte) ([]byte, []int, error) {
	oob := make([]byte, unix.CmsgSpace(4*4))
	var n, oobn, flags int
	var err error
	rerr := s.rc.Read(func(fd uintptr) bool {
		n, oobn, flags, _, err = unix.Recvmsg(int(fd), buf, oob, unix.MSG_CMSG_CLOEXEC)
		return err != unix.EAGAIN && err != unix.EINTR
	})
	if rerr != nil || err != nil {
		if err == unix.ECONNRESET {
			return nil, nil, io.EOF
		}
		return nil, nil, errors.Join(rerr, err)
	}
	fds := rights(oob[:oobn])
	if n == 0 && oobn == 0 {
		return nil, nil, io.EOF
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		closeAll(fds)
		return nil, nil, errors.New("sandbox: message is longer than its buffer")
	}
	return buf[:n], fds, nil
}

func rights(oob []byte) []int {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	out := []int{}
	for i := range msgs {
		if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			out = append(out, fds...)
		}
	}
	return out
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// sealed puts content into a memfd that nobody can change any more.
func sealed(name string, content []byte, flags int) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|flags)
	if err != nil {
		return -1, fmt.Errorf("sandbox: memfd: %w", err)
	}
	for done := 0; done < len(content); {
		n, err := unix.Write(fd, content[done:])
		if err != nil && err != unix.EINTR {
			_ = unix.Close(fd)
			return -1, fmt.Errorf("sandbox: memfd: %w", err)
		}
		done += max(n, 0)
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("sandbox: seal: %w", err)
	}
	return fd, nil
}
