//go:build linux && (amd64 || arm64)

package docker

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// InsidePath is where an image has this program; started by that name it is
// the first process of a container.
const InsidePath = "/.openclaw/openclaw"

const stageWord = "stage"

// MaybeInside becomes the first process of a container, or the task that turns
// into a run's program, when the process was started as one.
func MaybeInside() {
	if len(os.Args) == 0 || os.Args[0] != InsidePath {
		return
	}
	if len(os.Args) > 1 && os.Args[1] == stageWord {
		stage()
	}
	if err := first(); err != nil {
		fmt.Fprintln(os.Stderr, "openclaw:", err)
	}
	os.Exit(1)
}

// first runs one program and ends with it: when it returns or exits, the kernel
// ends everything in the container. Its input is the gateway; the end of that
// is the end of the gateway.
func first() error {
	// Whatever the program sends, the first process goes on; nobody reads its
	// memory. Handlers, unlike ignored signals, are not inherited.
	signal.Notify(make(chan os.Signal, 1), unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGABRT, unix.SIGPIPE)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	f := &frames{r: bufio.NewReaderSize(os.Stdin, 64<<10), w: os.Stdout}
	b, err := f.expect(kindSpec)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(b, &o); err != nil {
		return err
	}
	s, err := startStage(o)
	if err != nil {
		return err
	}
	if err := s.relayReport(f); err != nil {
		return err
	}
	if _, err := f.expect(kindGo); err != nil {
		return err
	}
	time.AfterFunc(time.Duration(o.LimitMs)*time.Millisecond, func() { os.Exit(1) })
	return s.run(f)
}

// staged is the task that becomes the program, seen from the first process.
type staged struct {
	pid           int
	in            *os.File
	out, err, say *os.File
	word          *os.File
	said          *bufio.Reader
}

// startStage forks the task with pipes for its streams, one to hear it and one
// to tell it.
func startStage(o order) (*staged, error) {
	var theirs []*os.File
	pipe := func(reads bool) (mine *os.File, err error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		if reads {
			theirs = append(theirs, r)
			return w, nil
		}
		theirs = append(theirs, w)
		return r, nil
	}
	s := &staged{}
	for _, p := range []struct {
		to    **os.File
		reads bool
	}{{&s.in, true}, {&s.out, false}, {&s.err, false}, {&s.say, false}, {&s.word, true}} {
		var err error
		if *p.to, err = pipe(p.reads); err != nil {
			return nil, err
		}
	}
	files := make([]uintptr, len(theirs))
	for i, x := range theirs {
		files[i] = x.Fd()
	}
	pid, err := syscall.ForkExec(InsidePath, []string{InsidePath, stageWord}, &syscall.ProcAttr{Dir: "/", Env: []string{}, Files: files})
	if err != nil {
		return nil, err
	}
	for _, x := range theirs {
		_ = x.Close()
	}
	s.pid, s.said = pid, bufio.NewReaderSize(s.say, 64<<10)
	line, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	_, err = s.word.Write(append(line, '\n'))
	return s, err
}

func (s *staged) relayReport(f *frames) error {
	line, err := s.said.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the stage did not report: %w", err)
	}
	return f.write(kindReport, line)
}

// run lets the task execute the program, passes its streams on, and when it has
// ended kills whatever it left.
func (s *staged) run(f *frames) error {
	if _, err := s.word.Write([]byte("go\n")); err != nil {
		return err
	}
	_ = s.word.Close()
	if line, err := s.said.ReadBytes('\n'); err == nil {
		_ = f.write(kindFail, line)
		return nil
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	if err := f.write(kindBegun, nil); err != nil {
		return err
	}
	go feed(f, s.in)
	var pumps sync.WaitGroup
	pumps.Go(func() { pump(f, kindOut, s.out) })
	pumps.Go(func() { pump(f, kindErr, s.err) })
	status := s.reap()
	pumps.Wait()
	e := ended{Code: status.ExitStatus()}
	if status.Signaled() {
		e.Code, e.Signal = -1, int(status.Signal())
	}
	if err := f.send(kindDone, e); err != nil {
		return err
	}
	os.Exit(0)
	return nil
}

// reap waits for the program, then kills and reaps the rest. A kill of every
// process reaches those that are being forked too.
func (s *staged) reap() (status syscall.WaitStatus) {
	for ended := false; ; {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil && ended:
			return status // no child is left
		case err != nil:
			os.Exit(1)
		case pid == s.pid:
			status, ended = ws, true
		}
		if ended {
			_ = syscall.Kill(-1, syscall.SIGKILL)
		}
	}
}

// feed passes input on. Without a gateway there is nothing to live for.
func feed(f *frames, in *os.File) {
	for {
		k, b, err := f.read()
		if err != nil {
			os.Exit(1)
		}
		switch k {
		case kindIn:
			_, _ = in.Write(b) // a program may leave its input unread
		case kindInEnd:
			_ = in.Close()
		case kindSpec, kindGo, kindReport, kindFail, kindBegun, kindOut, kindErr, kindDone:
			os.Exit(1)
		}
	}
}

func pump(f *frames, k kind, from *os.File) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && f.write(k, buf[:n]) != nil {
			os.Exit(1)
		}
		if err != nil {
			return
		}
	}
}
