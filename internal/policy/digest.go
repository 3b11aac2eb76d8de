package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
)

// DigestOf hashes the whole request, labels, generation, profile and nonce included, so
// that any change between the decision and the effect voids it (R25). Every
// field is written with its length, so no two requests have one form.
func DigestOf(q Request) Digest {
	var few [1024]byte
	f := form{b: append(few[:0], "openclaw request v5\x00"...)}
	f.text(string(q.Agent), string(q.Session), string(q.Run), string(q.Call), string(q.Tool), q.Generation, q.Profile, q.Nonce)
	f.json(q.Arguments)
	p := &q.Principal
	f.text(string(p.Surface), string(p.Channel), string(p.Account), string(p.Sender), string(p.Device), p.Name)
	f.b = append(f.b, byte(p.Standing), byte(q.Labels), flag(q.Unattended))
	if !f.facts(&q.Facts) {
		return Digest{} // covers nothing
	}
	return sha256.Sum256(f.b)
}

// form is the one way in which a request is written down to be hashed.
type form struct{ b []byte }

func (f *form) num(n int) { f.b = binary.AppendUvarint(f.b, uint64(n)) }

func (f *form) text(ss ...string) {
	for _, s := range ss {
		f.num(len(s))
		f.b = append(f.b, s...)
	}
}

func (f *form) bytes(b []byte) {
	f.num(len(b))
	f.b = append(f.b, b...)
}

// json writes a JSON value without the blanks between its tokens, which mean
// nothing; what is no JSON is written as it is.
func (f *form) json(b []byte) {
	if bytes.ContainsAny(b, " \t\r\n") {
		var c bytes.Buffer
		if json.Compact(&c, b) == nil {
			b = c.Bytes()
		}
	}
	f.bytes(b)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func list[T ~string](f *form, vs []T) {
	f.num(len(vs))
	for _, v := range vs {
		f.text(string(v))
	}
}

func (f *form) paths(ps []Path) {
	f.num(len(ps))
	for i := range ps {
		f.text(ps[i].Abs, ps[i].Text, ps[i].Digest)
		f.b = append(f.b, byte(ps[i].Labels))
	}
}

// facts reports false when a command cannot be written down.
func (f *form) facts(x *Facts) bool {
	f.b = append(f.b, flag(x.Understood), flag(x.Stdin), flag(x.Exec != nil))
	f.text(x.Why, x.Cwd)
	f.paths(x.Reads)
	f.paths(x.Writes)
	if x.Exec != nil {
		b, err := json.Marshal(x.Exec)
		if err != nil {
			return false
		}
		f.bytes(b)
	}
	f.num(len(x.Programs))
	for i := range x.Programs {
		f.text(x.Programs[i].Path, x.Programs[i].SHA256)
	}
	f.num(len(x.Scripts))
	for i := range x.Scripts {
		f.text(x.Scripts[i].Path, x.Scripts[i].SHA256)
	}
	f.num(len(x.Env))
	if len(x.Env) > 0 {
		for _, k := range slices.Sorted(maps.Keys(x.Env)) {
			f.text(k, x.Env[k])
		}
	}
	f.num(len(x.LaunchConfig))
	for i := range x.LaunchConfig {
		l := &x.LaunchConfig[i]
		f.text(l.Path, l.SHA256)
		f.b = append(f.b, flag(l.ByAgent), flag(l.Seen))
	}
	f.num(len(x.Hosts))
	for i := range x.Hosts {
		h := &x.Hosts[i]
		f.text(h.Name, h.Scheme, h.Method, h.Path)
		f.num(h.Port)
		f.num(h.URLBytes)
		f.b = append(f.b, flag(h.CarriesData), flag(h.Body))
	}
	f.num(len(x.Sends))
	for i := range x.Sends {
		s := &x.Sends[i]
		f.text(string(s.Channel), s.To)
		f.b = append(f.b, flag(s.OriginOnly), flag(s.OwnersOnly))
		list(f, s.Files)
	}
	list(f, x.Secrets)
	list(f, x.Spawns)
	list(f, x.Jobs)
	list(f, x.Sessions)
	return true
}
