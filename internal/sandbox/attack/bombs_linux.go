//go:build linux && (amd64 || arm64)

package attack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// touched takes memory that is really there.
func touched(bytes int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	return b, err
}

// takeMemory says so when it has all of it, and holds it until its input ends.
func takeMemory(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	b, err := touched(n)
	if err != nil {
		return err
	}
	fmt.Println("taken")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, unix.Munmap(b))
}

// shareMemory lets several children take memory at the same time and prints
// how many of them have it in the end: whoever takes too much may not be the
// one that is killed for it.
func shareMemory(args []string) error {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	stop, hold, err := os.Pipe()
	if err != nil {
		return err
	}
	children := []int{}
	for range count {
		out, in, err := os.Pipe()
		if err != nil {
			return err
		}
		pid, err := syscall.ForkExec("/proc/self/exe", []string{Argv0, "take", args[1]},
			&syscall.ProcAttr{Files: []uintptr{stop.Fd(), in.Fd(), 2}})
		_ = in.Close()
		if err != nil {
			return err
		}
		word := make([]byte, 16)
		if n, _ := out.Read(word); string(word[:n]) == "taken\n" {
			children = append(children, pid)
		}
	}
	have := 0
	for _, pid := range children {
		if got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err == nil && got == 0 {
			have++
		}
	}
	fmt.Println(have)
	return hold.Close()
}

// temporaryDir stands for the run's own.
const temporaryDir = "TMPDIR"

func place(dir string) string {
	if dir == temporaryDir {
		return os.Getenv(temporaryDir)
	}
	return dir
}

// fill writes files of a megabyte, none of them too long, and prints how much
// went in.
func fill(args []string) error {
	total := 0
	for i := range 16 {
		n, err := growTo(filepath.Join(place(args[0]), fmt.Sprintf("fill-%d", i)), 1<<20)
		total += n
		if err != nil {
			break
		}
	}
	fmt.Println(total)
	return nil
}

// mostNames is more than a private file system of a megabyte has room for.
const mostNames = 3000

// fillNames makes empty files and prints how many there were.
func fillNames(args []string) error {
	n := 0
	for ; n < mostNames; n++ {
		fd, err := unix.Open(filepath.Join(place(args[0]), fmt.Sprintf("name-%d", n)), unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		if err != nil {
			break
		}
		_ = unix.Close(fd)
	}
	fmt.Println(n)
	return nil
}

// shout writes four megabytes to its output.
func shout([]string) error {
	line := make([]byte, 64<<10)
	for range 64 {
		if _, err := os.Stdout.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// spin keeps one processor busy in a few windows and prints the largest share
// of one, in percent, that it got.
func spin([]string) error {
	const windows, length = 5, 200 * time.Millisecond
	most := 0
	for range windows {
		before, began := processorTime(), time.Now()
		for time.Since(began) < length {
		}
		used, took := processorTime()-before, time.Since(began)
		most = max(most, int(100*used/took))
	}
	fmt.Println(most)
	return nil
}

func processorTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// openUntilRefused prints how many descriptors it had.
func openUntilRefused([]string) error {
	n := 0
	for ; n < 4*mostTried; n++ {
		if _, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			break
		}
	}
	fmt.Println(n)
	return nil
}

// flip exchanges two names as fast as it can until it is killed.
func flip(args []string) error {
	for i := 0; ; i++ {
		if err := unix.Renameat2(unix.AT_FDCWD, args[0], unix.AT_FDCWD, args[1], unix.RENAME_EXCHANGE); err != nil {
			return err
		}
		if i == 0 {
			fmt.Println("ready")
		}
	}
}

// snatch reads a file whose way changes, again and again, and prints whether it
// had it.
func snatch(args []string) error {
	const tries, between = 5000, 200 * time.Microsecond
	had := 0
	for began := time.Now(); had == 0 && time.Since(began) < tries*between; {
		if _, err := os.ReadFile(args[0]); err == nil {
			had++
		}
		pause := unix.NsecToTimespec(int64(between))
		_ = unix.Nanosleep(&pause, nil)
	}
	fmt.Println(had)
	return nil
}
