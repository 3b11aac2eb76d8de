//go:build linux && (amd64 || arm64)

package confine

// view is a spec as the stage reads it: in place, nothing copied.
type view struct {
	level                         Level
	nonce, path, dir              string
	root, canary, mustWrite       string
	limits                        Limits
	uid, gid, abi, early          int
	proxy, noInet, proveArch, dry bool
	args, env, mounts, rules      list
	program                       []byte
}

// list is a counted sequence of entries of one kind.
type list struct {
	n    int
	from decoder
}

// look checks a whole spec before any of it is used; false when anything is
// not as Encode wrote it.
func look(b []byte) (v view, ok bool) {
	d := decoder{b: b}
	if string(d.take(int64(len(specMagic)))) != specMagic {
		return v, false
	}
	v.level = Level(d.num())
	v.nonce, v.path, v.dir = d.text(), d.text(), d.text()
	v.root, v.canary, v.mustWrite = d.text(), d.text(), d.text()
	v.limits.FileBytes, v.limits.Processes = d.num(), d.num()
	v.limits.OpenFiles, v.limits.DataBytes = d.num(), d.num()
	v.uid, v.gid, v.abi, v.early = int(d.num()), int(d.num()), int(d.num()), int(d.num())
	v.proxy, v.noInet, v.proveArch, v.dry = d.flag(), d.flag(), d.flag(), d.flag()
	v.args = d.texts()
	v.env = d.texts()
	v.mounts = list{d.count(37), d}
	for range v.mounts.n {
		d.mount()
	}
	v.rules = list{d.count(17), d}
	for range v.rules.n {
		d.rule()
	}
	v.program = d.take(d.num())
	return v, !d.bad && len(d.b) == 0 && v.level >= LevelProcess && v.level <= LevelIsolated && len(v.program)%filterStep == 0 &&
		v.early >= 0 && v.early <= v.mounts.n
}

func (d *decoder) texts() list {
	n := d.count(9)
	l := list{n, *d}
	for range n {
		d.text()
	}
	return l
}

func (d *decoder) mount() Mount {
	return Mount{Kind: MountKind(d.num()), Source: d.text(), Target: d.text(), Write: d.flag(), Device: d.flag(), Size: d.num()}
}

func (d *decoder) rule() Rule { return Rule{Path: d.text(), Access: Access(d.num())} }

// packer writes into a buffer of fixed size.
type packer struct {
	b    []byte
	n    int
	full bool // something did not fit
}

func (p *packer) raw(s string) {
	if len(s) > len(p.b)-p.n {
		p.full = true
		return
	}
	p.n += copy(p.b[p.n:], s)
}

func (p *packer) byte(c byte) {
	if p.n >= len(p.b) {
		p.full = true
		return
	}
	p.b[p.n] = c
	p.n++
}

func (p *packer) num(n int64) {
	u := uint64(n)
	for range 8 {
		p.byte(byte(u))
		u >>= 8
	}
}

// hold leaves room for a number that set fills in.
func (p *packer) hold() int {
	p.num(0)
	return p.n - 8
}

func (p *packer) set(at int, n int64) {
	end := p.n
	p.n = at
	p.num(n)
	p.n = max(end, p.n)
}

func (p *packer) str(s string) {
	p.num(int64(len(s)))
	p.raw(s)
}

// file adds the content of a file as a str.
func (p *packer) file(path string) errno {
	at := p.hold()
	if p.full {
		return 0
	}
	n, e := readFile(path, p.b[p.n:])
	p.n += n
	p.set(at, int64(n))
	return e
}

// link adds where a symbolic link points to.
func (p *packer) link(path string) errno {
	if p.full {
		return 0
	}
	n, e := readlink(path, p.b[p.n:])
	if e == 0 {
		p.n += n
	}
	return e
}

// dec writes a number in digits.
func (p *packer) dec(n int) {
	var digits [20]byte
	i := len(digits)
	for u := uint64(n); i == len(digits) || u > 0; u /= 10 {
		i--
		digits[i] = byte('0' + u%10)
	}
	for ; i < len(digits); i++ {
		p.byte(digits[i])
	}
}

// text closes what was written with a NUL and gives it.
func (p *packer) text() string {
	p.byte(0)
	if p.full {
		return ""
	}
	return textOf(into(p.b))
}

// failure is a step that did not work; the zero value is none.
type failure struct {
	step, object string
	no           errno
}

func (f failure) pack(p *packer, kind byte) {
	p.byte(kind)
	p.str(f.step)
	p.str(f.object)
	p.num(int64(f.no))
}
