//go:build linux && (amd64 || arm64)

package linux

import (
	"slices"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// mounted is one line of a mount list.
type mounted struct {
	target  string
	options []string
	kind    string // file system type
}

func (m mounted) has(option string) bool { return slices.Contains(m.options, option) }

// parseMounts reads a mountinfo text; a line that it cannot read becomes a
// mount that no plan expects.
func parseMounts(text string) []mounted {
	out := []mounted{}
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		fields, kind := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 6 || len(kind) < 1 {
			out = append(out, mounted{})
			continue
		}
		out = append(out, mounted{target: unescape(fields[4]), options: strings.Split(fields[5], ","), kind: kind[0]})
	}
	return out
}

// unescape undoes the octal escapes of blank, tab, newline and backslash.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// mounts requires that every mount is planned, or lies beneath a planned bind,
// with no more rights than planned, and that every planned one is there.
func (v *verdict) mounts(list []mounted) bool {
	before := len(v.misses)
	top := map[string]mounted{} // of several at one place the last is seen
	for _, m := range list {
		top[m.target] = m
	}
	plan := map[string]confine.Mount{"/": {Kind: confine.MountBind, Target: "/"}}
	for _, m := range v.plan.spec.Mounts {
		plan[strings.TrimSuffix(m.Target, "/")] = m
	}
	for target, m := range plan {
		got, ok := top[target]
		switch {
		case ok:
			v.mount(got, m)
		case m.Kind != confine.MountMask: // nothing to mask may be there
			v.miss("mount %q: not there", target)
		}
	}
	for target, got := range top {
		if _, ok := plan[target]; ok {
			continue
		}
		above, ok := covering(plan, target)
		if !ok {
			v.miss("mount %q: not planned", target)
			continue
		}
		v.mount(got, above)
	}
	return len(v.misses) == before
}

// covering is the bind from the host that a deeper mount came along with.
func covering(plan map[string]confine.Mount, target string) (confine.Mount, bool) {
	for at := target; at != ""; {
		at = at[:max(strings.LastIndexByte(at, '/'), 0)]
		if m, ok := plan[at]; ok && at != "" {
			came := m.Kind == confine.MountBind || m.Kind == confine.MountPin || m.Kind == confine.MountReadOnly
			return m, came
		}
	}
	return confine.Mount{}, false
}

func (v *verdict) mount(got mounted, want confine.Mount) {
	writable := want.Write
	switch want.Kind {
	case confine.MountTmpfs:
		writable = true
		v.kind(got, "tmpfs")
	case confine.MountProc:
		writable = true
		v.kind(got, "proc")
	case confine.MountMask, confine.MountEmpty, confine.MountReadOnly:
		writable = false
	case confine.MountBind, confine.MountPin:
	}
	if !writable && !got.has("ro") {
		v.miss("mount %q: writable, want read-only", got.target)
	}
	if !got.has("nosuid") || (!want.Device && !got.has("nodev")) {
		v.miss("mount %q: options %v, want nosuid and nodev", got.target, got.options)
	}
}

func (v *verdict) kind(got mounted, want string) {
	if got.kind != want {
		v.miss("mount %q: %s, want %s", got.target, got.kind, want)
	}
}
