//go:build linux && (amd64 || arm64)

// Package confine is what runs between the gateway and a confined program: the
// launcher that clones and the stage that applies every layer to itself. It
// refuses to go on after any layer that failed, and it imports nothing that
// slows the start of a process.
package confine

import (
	"errors"
	"unsafe"
)

// Level of confinement as the stage knows it.
type Level uint8

// Levels that a stage applies.
const (
	LevelProcess Level = iota + 1
	LevelConfined
	LevelIsolated
)

// MountKind says what is put at a target.
type MountKind uint8

// Mount kinds.
const (
	MountBind     MountKind = iota + 1 // source, recursively
	MountTmpfs                         // private, Size bytes
	MountProc                          // of the private pid namespace
	MountPin                           // target onto itself, so that it cannot be renamed away
	MountReadOnly                      // target onto itself, read-only
	MountMask                          // an unreadable, empty object
	MountEmpty                         // a readable, empty, read-only object
)

// Mount is one step of the mount plan. Paths are absolute; Target is as seen
// inside.
type Mount struct {
	Kind   MountKind
	Source string
	Target string
	Write  bool
	Device bool // device nodes work (for /dev/null and the like)
	Size   int64
}

// Access classes of a Landlock rule.
type Access uint8

// Access classes.
const (
	AccessList    Access = 1 << iota // read directories
	AccessRead                       // read files and directories
	AccessExecute                    // execute files
	AccessWrite                      // change files and directories beneath
	AccessDevice                     // read and write one device node
)

// Rule grants access beneath a path, as seen inside.
type Rule struct {
	Path   string
	Access Access
}

// Limits in kernel units. Zero leaves the limit alone.
type Limits struct {
	FileBytes, Processes, OpenFiles int64
	DataBytes                       int64 // writable private memory of each process
}

// Spec is everything a stage needs to know. It travels in a sealed memfd.
type Spec struct {
	Level     Level
	Nonce     string
	Path      string
	Args, Env []string
	Dir       string
	Root      string // skeleton directory, isolated only
	Mounts    []Mount
	Early     int // of the mounts, the first that a spare has made
	Rules     []Rule
	Limits    Limits
	UID, GID  int
	Canary    string // world-readable file that no rule grants
	Proxy     bool   // open the proxy listener and pass it on
	NoInet    bool   // refuse AF_INET altogether
	ProveArch bool   // fork a child that makes foreign system calls
	Dry       bool   // end after the witness without executing anything
	ABI       int    // Landlock ABI to use
	MustWrite string // a path that the run must be able to write
	// Program is the system call filter, FilterBytes of an assembled one. Its
	// GuardMark stands for the pid of a supervisor.
	Program []byte
}

type encoder struct{ b []byte }

func (e *encoder) num(n int64) {
	u := uint64(n)
	for range 8 {
		e.b = append(e.b, byte(u))
		u >>= 8
	}
}

func (e *encoder) str(s string) {
	e.num(int64(len(s)))
	e.b = append(e.b, s...)
}

// text is a str that the kernel can read in place.
func (e *encoder) text(s string) {
	e.str(s)
	e.b = append(e.b, 0)
}

func (e *encoder) texts(l []string) {
	e.num(int64(len(l)))
	for _, s := range l {
		e.text(s)
	}
}

func (e *encoder) flag(b bool) {
	if b {
		e.b = append(e.b, 1)
		return
	}
	e.b = append(e.b, 0)
}

type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int64) []byte {
	if n < 0 || n > int64(len(d.b)) {
		d.bad = true
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) num() int64 {
	raw := d.take(8)
	if raw == nil {
		return 0
	}
	var u uint64
	for i := range 8 {
		u |= uint64(raw[i]) << (8 * i)
	}
	return int64(u)
}

// count reads a list length that the remaining bytes could hold.
func (d *decoder) count(least int) int {
	n := d.num()
	if n < 0 || n > int64(len(d.b)/least) {
		d.bad = true
		return 0
	}
	return int(n)
}

func (d *decoder) str() string { return string(d.take(d.num())) }

// text gives a str of an encoder's text where it lies, NUL behind it.
func (d *decoder) text() string {
	n := d.num()
	if n < 0 || n >= int64(len(d.b)) {
		d.bad = true
		return ""
	}
	b := d.take(n + 1)
	for i := range b {
		if (b[i] == 0) != (i == len(b)-1) {
			d.bad = true
		}
	}
	return unsafe.String(unsafe.SliceData(b), n)
}

func (d *decoder) strs() []string {
	out := make([]string, d.count(8))
	for i := range out {
		out[i] = d.str()
	}
	return out
}

func (d *decoder) flag() bool {
	raw := d.take(1)
	return raw != nil && raw[0] == 1
}

const specMagic = "openclaw spec 1\n"

// Encode gives the bytes that a stage reads.
func (s *Spec) Encode() []byte {
	e := &encoder{b: make([]byte, 0, 8192)}
	e.b = append(e.b, specMagic...)
	e.num(int64(s.Level))
	for _, t := range []string{s.Nonce, s.Path, s.Dir, s.Root, s.Canary, s.MustWrite} {
		e.text(t)
	}
	for _, n := range []int64{s.Limits.FileBytes, s.Limits.Processes, s.Limits.OpenFiles, s.Limits.DataBytes, int64(s.UID), int64(s.GID), int64(s.ABI), int64(s.Early)} {
		e.num(n)
	}
	for _, b := range []bool{s.Proxy, s.NoInet, s.ProveArch, s.Dry} {
		e.flag(b)
	}
	e.texts(s.Args)
	e.texts(s.Env)
	e.num(int64(len(s.Mounts)))
	for _, m := range s.Mounts {
		e.num(int64(m.Kind))
		e.text(m.Source)
		e.text(m.Target)
		e.flag(m.Write)
		e.flag(m.Device)
		e.num(m.Size)
	}
	e.num(int64(len(s.Rules)))
	for _, r := range s.Rules {
		e.text(r.Path)
		e.num(int64(r.Access))
	}
	e.num(int64(len(s.Program)))
	e.b = append(e.b, s.Program...)
	return e.b
}

var errSpec = errors.New("confine: message is not complete")

// Requests to the launcher, one per packet. A spawn request is opSpawn, level,
// uid, gid and three flags; its descriptors are stdin, stdout, stderr, the
// stage's socket, the spec and, when there is one, the cgroup directory. A hand
// request is opHand with the first five of these, the socket being the
// gateway's end of a spare's. A look request is opLook, pid.
const (
	opSpawn = 1
	opLook  = 2
	opHand  = 3
)

// SpawnRequest asks the launcher for a stage.
type SpawnRequest struct {
	Level    Level
	UID, GID int
	Cgroup   bool // the last descriptor is a cgroup directory
	Own      bool // keep the launcher's own uid (a helper that needs its login)
	Spare    bool // prepare for a run that is not known yet, and wait for it
}

// Encode gives the packet.
func (r SpawnRequest) Encode() []byte {
	e := &encoder{}
	e.num(opSpawn)
	e.num(int64(r.Level))
	e.num(int64(r.UID))
	e.num(int64(r.GID))
	e.flag(r.Cgroup)
	e.flag(r.Own)
	e.flag(r.Spare)
	return e.b
}

// EncodeHand gives the packet that hands a run to a spare.
func EncodeHand() []byte {
	e := &encoder{}
	e.num(opHand)
	return e.b
}

// EncodeLook gives the packet that asks for the outside reading of pid.
func EncodeLook(pid int) []byte {
	e := &encoder{}
	e.num(opLook)
	e.num(int64(pid))
	return e.b
}

// Reply of the launcher: Pid of the stage, or what failed.
type Reply struct {
	Pid   int
	Errno int
	Where string
	Text  string // outside reading
}

// DecodeReply reads a Reply.
func DecodeReply(b []byte) (Reply, error) {
	d := &decoder{b: b}
	r := Reply{Pid: int(d.num()), Errno: int(d.num()), Where: d.str(), Text: d.str()}
	if d.bad || len(d.b) != 0 {
		return Reply{}, errSpec
	}
	return r, nil
}

// Kinds of a stage's message.
const (
	MsgWitness = 'W' // Report follows
	MsgFailed  = 'F' // Failure follows
	MsgExec    = 'E' // Failure of the final exec
	MsgRunning = 'R'
	MsgExit    = 'X' // wait status
)

// Bytes that the gateway sends to a stage.
const (
	Go   = 'G'
	Stop = 'X'
	Kill = 'K'
	Job  = 'J' // to a spare, with stdin, stdout, stderr, spec and trees
)

// Failure names the step that failed, the object and the errno.
type Failure struct {
	Step, Object string
	Errno        int
}

// DecodeFailure reads what follows the kind byte.
func DecodeFailure(b []byte) (Failure, error) {
	d := &decoder{b: b}
	f := Failure{Step: d.str(), Object: d.str(), Errno: int(d.num())}
	if d.bad {
		return Failure{}, errSpec
	}
	return f, nil
}

// Probe is one forbidden act with the errno it met (0 means that it worked).
type Probe struct {
	Name  string
	Errno int
}

// Report is the stage's own reading after every layer is on.
type Report struct {
	Nonce      string
	Status     string // /proc status text
	Namespaces []string
	Cgroup     string
	Mounts     string // mountinfo text
	FDs        []int
	CmdSum     int64 // FNV-1a of argv and environment as the target gets them
	Filter     int64 // FNV-1a of the filter without the stage's own pid
	Probes     []Probe
}

// DecodeReport reads what follows the kind byte.
func DecodeReport(b []byte) (*Report, error) {
	d := &decoder{b: b}
	r := &Report{Nonce: d.str(), Status: d.str(), Namespaces: d.strs(), Cgroup: d.str(), Mounts: d.str()}
	r.FDs = make([]int, d.count(8))
	for i := range r.FDs {
		r.FDs[i] = int(d.num())
	}
	r.CmdSum, r.Filter = d.num(), d.num()
	r.Probes = make([]Probe, d.count(16))
	for i := range r.Probes {
		r.Probes[i] = Probe{Name: d.str(), Errno: int(d.num())}
	}
	if d.bad || len(d.b) != 0 {
		return nil, errSpec
	}
	return r, nil
}

// DecodeExit reads what follows MsgExit.
func DecodeExit(b []byte) (uint32, error) {
	d := &decoder{b: b}
	n := d.num()
	if d.bad {
		return 0, errSpec
	}
	return uint32(n), nil
}

// sum is FNV-1a.
type sum uint64

const sumStart sum = 14695981039346656037

func (h sum) add(v uint64) sum { return (h ^ sum(v)) * 1099511628211 }

// str ends with a value that no byte has.
func (h sum) str(s string) sum {
	for i := range len(s) {
		h = h.add(uint64(s[i]))
	}
	return h.add(0xff00)
}

// CmdSum hashes argv and environment with separators that neither can hold.
func CmdSum(path string, args, env []string) int64 {
	h := sumStart.str(path)
	for _, s := range args {
		h = h.str(s)
	}
	h = h.str("\x00")
	for _, s := range env {
		h = h.str(s)
	}
	return int64(h)
}
