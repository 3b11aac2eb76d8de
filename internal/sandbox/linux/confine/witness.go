//go:build linux && (amd64 || arm64)

package confine

import (
	"golang.org/x/sys/unix"
)

// witness reads back what the kernel says about this thread and sends it.
func (r *run) witness() failure {
	p := packer{b: r.memory[:reportRoom]}
	p.byte(MsgWitness)
	p.str(r.nonce)
	if e := p.file("/proc/thread-self/status\x00"); e != 0 {
		return failure{"read", "/proc/thread-self/status", e}
	}
	p.num(int64(len(nsNames)))
	var path procPath
	for _, ns := range nsNames {
		at := p.hold()
		p.raw(ns)
		p.raw(" ")
		name := packer{b: path[:]}
		name.raw("/proc/thread-self/ns/")
		name.raw(ns)
		if e := p.link(name.text()); e != 0 {
			return failure{"read", "/proc/thread-self/ns", e}
		}
		p.set(at, int64(p.n-at-8))
	}
	if e := p.file("/proc/thread-self/cgroup\x00"); e != 0 {
		return failure{"read", "/proc/thread-self/cgroup", e}
	}
	mounts := errno(0)
	if r.isolated() {
		mounts = p.file("/proc/thread-self/mountinfo\x00")
	} else {
		p.str("")
	}
	if mounts != 0 {
		return failure{"read", "/proc/thread-self/mountinfo", mounts}
	}
	if e := p.descriptors(); e != 0 {
		return failure{"read", "/proc/self/fd", e}
	}
	p.num(r.command())
	p.num(int64(r.filter))
	p.num(int64(r.probed))
	for _, x := range r.probes[:r.probed] {
		p.str(x.name)
		p.num(int64(x.no))
	}
	if p.full {
		return failure{"report", "", unix.E2BIG}
	}
	if send(fdSocket, p.b[:p.n], r.listener) != 0 {
		exit(77)
	}
	if r.listener >= 0 {
		closeFD(r.listener)
	}
	return failure{}
}

// descriptors lists the open descriptors, without the one that it reads them by.
func (p *packer) descriptors() errno {
	fd, e := open("/proc/self/fd\x00", unix.O_RDONLY|unix.O_DIRECTORY)
	if e != 0 {
		return e
	}
	var b [1 << 10]byte
	at, count := p.hold(), int64(0)
	for {
		n, e := sysSecond(unix.SYS_GETDENTS64, uintptr(fd), into(b[:]), uintptr(len(b)), 0, 0)
		if e != 0 || n == 0 {
			closeFD(fd)
			p.set(at, count)
			return e
		}
		for d := entries(b[:n]); d.next(); {
			if d.number >= 0 && d.number != fd {
				p.num(int64(d.number))
				count++
			}
		}
	}
}

// command sums up argv and environment.
func (r *run) command() int64 {
	h := sumStart.str(r.path)
	for l := r.args; l.n > 0; l.n-- {
		h = h.str(l.from.text())
	}
	h = h.str("\x00")
	for l := r.env; l.n > 0; l.n-- {
		h = h.str(l.from.text())
	}
	return int64(h)
}
