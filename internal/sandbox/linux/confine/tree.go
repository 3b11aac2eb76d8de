//go:build linux && (amd64 || arm64)

package confine

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// watch supervises outside a pid namespace: it reaps until the program has
// ended, and kills everything on the gateway's word or when that is gone.
func (r *run) watch(program int) {
	child := uint64(1) << (uint(unix.SIGCHLD) - 1)
	_, _ = sysSecond(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, unsafe.Pointer(&child), 0, 8, 0)
	minus := -1
	signals, e := sysSecond(unix.SYS_SIGNALFD4, uintptr(minus), unsafe.Pointer(&child), 8, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK, 0)
	if e != 0 {
		r.fail(failure{"signalfd", "", e})
	}
	doomed := false
	for {
		for {
			got, status, e := reapOne()
			if e != 0 {
				r.fail(failure{"wait", "", e})
			}
			if got == 0 {
				break
			}
			if got == program {
				r.ended(status)
			}
		}
		polled := [2]unix.PollFd{{Fd: int32(signals), Events: unix.POLLIN}, {Fd: fdSocket, Events: unix.POLLIN}}
		n, pause := uintptr(len(polled)), (*unix.Timespec)(nil)
		if doomed {
			KillDescendants(itself())
			n, pause = 1, &unix.Timespec{Nsec: 1e6}
		}
		_, _ = sysPoll(&polled, n, pause)
		if polled[0].Revents != 0 {
			var info [128]byte
			_, _ = read(signals, info[:])
		}
		if !doomed && polled[1].Revents != 0 {
			var b [8]byte
			var none [maxFDs]int32
			n, _, e := receive(fdSocket, b[:], &none)
			doomed = e != 0 || n == 0 || b[0] == Kill
		}
	}
}

// reapOne reaps a child that has ended; 0 when none has.
func reapOne() (int, uint32, errno) {
	var status uint32
	minus := -1
	got, e := sysSecond(unix.SYS_WAIT4, uintptr(minus), unsafe.Pointer(&status), unix.WNOHANG, 0, 0)
	return got, status, e
}

// killChildren kills everything beneath this process until nothing is left,
// orphans included, which come to the nearest subreaper.
func killChildren() {
	for {
		KillDescendants(itself())
		if _, _, e := waitFor(-1); e != 0 {
			return
		}
	}
}

// queueLength bounds what one pass over the descendants kills; the caller makes
// another pass as long as any is left.
const queueLength = 2048

// KillDescendants kills every process beneath pid. It reports how many it
// found, ended ones that nobody has waited for included, and whether one of
// them could still run. What one that has just ended leaves behind is found by
// another call: it has come to the nearest subreaper.
func KillDescendants(pid int) (found int, alive bool) {
	var queue [queueLength]int32
	queue[0] = int32(pid)
	n := 1
	for i := 0; i < n; i++ {
		known := n
		n = children(int(queue[i]), &queue, n)
		for _, child := range queue[known:n] {
			if zombie(int(child)) {
				continue
			}
			alive = true
			_ = kill(int(child), uintptr(unix.SIGKILL))
		}
	}
	return n - 1, alive
}

func zombie(pid int) bool {
	var path procPath
	var b [512]byte
	n, e := readFile(path.of(pid, "/stat", ""), b[:])
	if e != 0 {
		return true
	}
	for i := n - 1; i >= 0; i-- {
		if b[i] == ')' {
			return i+2 < n && (b[i+2] == 'Z' || b[i+2] == 'X')
		}
	}
	return false
}

// children adds the children of every thread of pid to the queue.
func children(pid int, queue *[queueLength]int32, n int) int {
	var path procPath
	dir, e := open(path.of(pid, "/task", ""), unix.O_RDONLY|unix.O_DIRECTORY)
	if e != 0 {
		return n
	}
	var b [1 << 10]byte
	for {
		got, e := sysSecond(unix.SYS_GETDENTS64, uintptr(dir), into(b[:]), uintptr(len(b)), 0, 0)
		if e != 0 || got <= 0 {
			closeFD(dir)
			return n
		}
		for d := entries(b[:got]); d.next(); {
			if d.number >= 0 {
				n = childrenOf(pid, d.number, queue, n)
			}
		}
	}
}

func childrenOf(pid, thread int, queue *[queueLength]int32, n int) int {
	var b [64]byte
	p := packer{b: b[:]}
	p.raw("/proc/")
	p.dec(pid)
	p.raw("/task/")
	p.dec(thread)
	p.raw("/children")
	fd, e := open(p.text(), unix.O_RDONLY)
	if e != 0 {
		return n
	}
	var text [1 << 10]byte
	number, in := int32(0), false
	for {
		got, e := read(fd, text[:])
		if e != 0 || got <= 0 {
			break
		}
		for _, c := range text[:got] {
			switch {
			case c >= '0' && c <= '9':
				number, in = number*10+int32(c-'0'), true
			case in && n < len(queue):
				queue[n] = number
				n++
				fallthrough
			default:
				number, in = 0, false
			}
		}
	}
	closeFD(fd)
	return n
}

// dirents walks what the kernel gave of a directory whose entries are numbers.
type dirents struct {
	b      []byte
	number int // -1 for an entry that is none
}

func entries(b []byte) dirents { return dirents{b: b} }

func (d *dirents) next() bool {
	const head = 19 // inode, offset, length, type
	if len(d.b) <= head {
		return false
	}
	length := int(d.b[16]) | int(d.b[17])<<8
	if length <= head || length > len(d.b) {
		return false
	}
	d.number = -1
	for i, c := range d.b[head:length] {
		if c == 0 {
			break
		}
		if c < '0' || c > '9' || i > 9 {
			d.number = -1
			break
		}
		d.number = max(d.number, 0)*10 + int(c-'0')
	}
	d.b = d.b[length:]
	return true
}
