//go:build linux && (amd64 || arm64)

package attack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// MaybeInside plays the confined program when this process was started as one
// and then never returns.
func MaybeInside() {
	if len(os.Args) < 2 || os.Args[0] != Argv0 {
		return
	}
	if err := inside(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func inside(act string, args []string) error {
	for _, x := range []struct {
		name string
		args int
		do   func(args []string) error
	}{
		{"attempts", 0, func([]string) error { return tryAll(os.Stdin, os.Stdout) }},
		{"block", 1, block}, {"fork", 1, forkUntilRefused}, {"zombies", 0, zombiesUntilRefused}, {"grow", 1, grow}, {"get", 1, get},
		{"take", 1, takeMemory}, {"share", 2, shareMemory}, {"fill", 1, fill}, {"names", 1, fillNames}, {"shout", 0, shout},
		{"spin", 0, spin}, {"files", 0, openUntilRefused}, {"flip", 2, flip}, {"snatch", 1, snatch}, {"nothing", 0, func([]string) error { return nil }},
	} {
		if x.name == act && len(args) == x.args {
			return x.do(args)
		}
	}
	return fmt.Errorf("unknown act %q with %d arguments", act, len(args))
}

// answer is what an attempt met: no errno means that it worked.
type answer struct {
	Errno int    `json:"errno"`
	Text  string `json:"text,omitempty"`
}

func tryAll(in io.Reader, out io.Writer) error {
	var f field
	if err := json.NewDecoder(in).Decode(&f); err != nil {
		return err
	}
	got := map[string]answer{}
	for _, a := range attempts() {
		err := a.try(f)
		var e syscall.Errno
		switch {
		case err == nil:
			got[a.name] = answer{}
		case errors.As(err, &e):
			got[a.name] = answer{Errno: int(e), Text: err.Error()}
		default:
			got[a.name] = answer{Errno: -1, Text: err.Error()}
		}
	}
	return json.NewEncoder(out).Encode(got)
}

// attempt is one forbidden act; nil means that it worked.
type attempt struct {
	name string
	from strictness
	try  func(f field) error
}

// strictness is the least level at which an attempt must fail.
type strictness uint8

const (
	always     strictness = iota // at every level
	atConfined                   // confined and isolated
	atIsolated
	never   // nothing here stops it; it is tried to be told
	control // must work, or the others prove nothing
)

func attempts() []attempt {
	out := []attempt{}
	for _, list := range [][]attempt{controls(), fileAttempts(), steeringAttempts(), processAttempts(), procAttempts(), kernelAttempts(), ipcAttempts(), networkAttempts()} {
		out = append(out, list...)
	}
	return out
}

// block says that it is there, keeps its argument for whoever looks at it, and
// waits until it is killed.
func block([]string) error {
	fmt.Println("ready")
	for { // an empty select is a deadlock, which ends a program without cgo
		_ = unix.Pause()
	}
}

// forkUntilRefused starts children until one is refused and prints how many
// there were.
func forkUntilRefused(args []string) error {
	n := 0
	for ; n < mostTried; n++ {
		if _, err := syscall.ForkExec(args[0], []string{"sleep", "1000"}, &syscall.ProcAttr{}); err != nil {
			if errors.Is(err, unix.ENOENT) {
				return err
			}
			break
		}
	}
	fmt.Println(n)
	return nil
}

// zombiesUntilRefused leaves dead children without collecting them.
func zombiesUntilRefused([]string) error {
	n := 0
	for ; n < mostTried; n++ {
		if _, err := syscall.ForkExec("/proc/self/exe", []string{Argv0, "nothing"}, &syscall.ProcAttr{}); err != nil {
			break
		}
	}
	fmt.Println(n)
	return nil
}

// mostTried bounds attempts that may find no limit.
const mostTried = 160

// grow writes to a file until it is refused and prints how much went in.
func grow(args []string) error {
	n, err := growTo(args[0], 64<<20)
	if err == nil {
		return fmt.Errorf("wrote %d bytes", n)
	}
	fmt.Println(n)
	return nil
}

func growTo(path string, most int) (int, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	chunk := make([]byte, 64<<10)
	for n := 0; ; {
		if n >= most {
			return n, nil
		}
		k, err := f.Write(chunk)
		n += k
		if err != nil {
			return n, err
		}
	}
}

// get prints what a TCP server of loopback says to a request.
func get(args []string) error {
	var a, b, c, d byte
	var port int
	if _, err := fmt.Sscanf(args[0], "%d.%d.%d.%d:%d", &a, &b, &c, &d, &port); err != nil {
		return err
	}
	fd, err := connectTo(unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Port: port, Addr: [4]byte{a, b, c, d}})
	if err != nil {
		return err
	}
	conn := os.NewFile(uintptr(fd), "connection")
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, conn)
	return err
}
