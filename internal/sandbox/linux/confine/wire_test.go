//go:build linux && (amd64 || arm64)

package confine

import (
	"bytes"
	"reflect"
	"strconv"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func drawSpec(t *rapid.T) *Spec {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("a/é \n")), 0, 12, -1)
	list := rapid.SliceOfN(text, 0, 4)
	mounts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Mount {
		return Mount{MountKind(rapid.IntRange(1, 7).Draw(t, "kind")), text.Draw(t, "source"), text.Draw(t, "target"), rapid.Bool().Draw(t, "w"), rapid.Bool().Draw(t, "d"), rapid.Int64().Draw(t, "size")}
	}), 0, 4).Draw(t, "mounts")
	return &Spec{Level: Level(rapid.IntRange(1, 3).Draw(t, "level")), Nonce: text.Draw(t, "nonce"), Path: text.Draw(t, "path"),
		Args: list.Draw(t, "args"), Env: list.Draw(t, "env"), Dir: text.Draw(t, "dir"), Root: text.Draw(t, "root"),
		Mounts: mounts, Early: rapid.IntRange(0, len(mounts)).Draw(t, "early"),
		Rules: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
			return Rule{text.Draw(t, "path"), Access(rapid.IntRange(0, 31).Draw(t, "access"))}
		}), 0, 4).Draw(t, "rules"),
		Limits: Limits{rapid.Int64().Draw(t, "file"), rapid.Int64().Draw(t, "procs"), rapid.Int64().Draw(t, "files"), rapid.Int64().Draw(t, "data")},
		UID:    rapid.Int().Draw(t, "uid"), GID: rapid.Int().Draw(t, "gid"), Canary: text.Draw(t, "canary"), Proxy: rapid.Bool().Draw(t, "proxy"),
		NoInet: rapid.Bool().Draw(t, "noinet"), ProveArch: rapid.Bool().Draw(t, "prove"), Dry: rapid.Bool().Draw(t, "dry"),
		ABI: rapid.IntRange(0, 9).Draw(t, "abi"), MustWrite: text.Draw(t, "must"), Program: make([]byte, 8*rapid.IntRange(0, 3).Draw(t, "program"))}
}

// spec gives what a stage sees of a message.
func spec(v view) *Spec {
	texts := func(l list) []string {
		out := []string{}
		for ; l.n > 0; l.n-- {
			out = append(out, l.from.text())
		}
		return out
	}
	s := &Spec{Level: v.level, Nonce: v.nonce, Path: v.path, Args: texts(v.args), Env: texts(v.env), Dir: v.dir, Root: v.root,
		Limits: v.limits, UID: v.uid, GID: v.gid, Canary: v.canary, Proxy: v.proxy, NoInet: v.noInet, ProveArch: v.proveArch, Dry: v.dry,
		ABI: v.abi, Early: v.early, MustWrite: v.mustWrite, Program: v.program, Mounts: []Mount{}, Rules: []Rule{}}
	for l := v.mounts; l.n > 0; l.n-- {
		s.Mounts = append(s.Mounts, l.from.mount())
	}
	for l := v.rules; l.n > 0; l.n-- {
		s.Rules = append(s.Rules, l.from.rule())
	}
	return s
}

func TestSpec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		b := s.Encode()
		v, ok := look(b)
		if !ok || !reflect.DeepEqual(spec(v), s) {
			t.Fatalf("%+v became %+v, %t", s, spec(v), ok)
		}
		for _, text := range append(spec(v).Args, v.path, v.dir) {
			if *(*byte)(unsafe.Add(at(text), len(text))) != 0 {
				t.Fatalf("%q has no NUL behind it", text)
			}
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, ok := look(b[:cut]); ok {
			t.Fatalf("accepted %d of %d bytes", cut, len(b))
		}
		if _, ok := look(append(b, 0)); ok {
			t.Fatal("accepted a byte too many")
		}
	})
	for name, bad := range map[string]*Spec{"NUL": {Level: LevelIsolated, Path: "a\x00b"}, "level": {Level: 9}, "no level": {}, "program": {Level: LevelIsolated, Program: make([]byte, 9)}, "early": {Level: LevelIsolated, Early: 1}} {
		if _, ok := look(bad.Encode()); ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzSpec(f *testing.F) {
	f.Add((&Spec{Level: LevelIsolated, Args: []string{"a"}, Env: []string{}, Mounts: []Mount{{Kind: MountBind}}, Rules: []Rule{{Path: "/"}}, Program: make([]byte, 8)}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		v, ok := look(b)
		if !ok {
			return
		}
		s := spec(v)
		again, ok := look(s.Encode())
		if !ok || !reflect.DeepEqual(spec(again), s) {
			t.Errorf("%+v became %+v, %t", s, spec(again), ok)
		}
	})
}

func FuzzReport(f *testing.F) {
	good := packer{b: make([]byte, 1<<10)}
	good.str("n")
	good.str("s")
	good.num(1)
	good.str("ns x")
	for range 2 {
		good.str("t")
	}
	for range 4 {
		good.num(1)
	}
	good.num(1)
	good.str("udp")
	good.num(1)
	if r, err := DecodeReport(good.b[:good.n]); err != nil || len(r.Probes) != 1 || len(r.FDs) != 1 {
		f.Fatalf("%+v, %v", r, err)
	}
	f.Add(good.b[:good.n])
	fail := packer{b: make([]byte, 64)}
	failure{"step", "object", 3}.pack(&fail, MsgFailed)
	if got, err := DecodeFailure(fail.b[1:fail.n]); err != nil || got != (Failure{"step", "object", 3}) {
		f.Fatalf("%+v, %v", got, err)
	}
	f.Add(fail.b[1:fail.n])
	said := packer{b: make([]byte, 64)}
	refuse(&said, 2, "open ", "/x")
	if got, err := DecodeReply(said.b[:said.n]); err != nil || got != (Reply{Errno: 2, Where: "open /x"}) {
		f.Fatalf("%+v, %v", got, err)
	}
	f.Add(said.b[:said.n])
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeReport(b); err == nil && 8*len(r.FDs)+16*len(r.Probes)+8*len(r.Namespaces) > len(b) {
			t.Errorf("report grew from %d bytes", len(b))
		}
		if r, err := DecodeReply(b); err == nil && len(r.Where)+len(r.Text) > len(b) {
			t.Errorf("reply grew from %d bytes", len(b))
		}
		if fail, err := DecodeFailure(b); err == nil && len(fail.Step)+len(fail.Object) > len(b) {
			t.Errorf("failure grew from %d bytes", len(b))
		}
		_, _ = DecodeExit(b)
	})
}

// TestPacker: what does not fit marks the whole, and nothing is written beyond.
func TestPacker(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		room := rapid.IntRange(0, 40).Draw(t, "room")
		b := make([]byte, room+8)
		p, wants := packer{b: b[:room]}, ""
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 1<<40), 0, 6).Draw(t, "numbers") {
			p.dec(n)
			wants += strconv.Itoa(n)
		}
		if p.full != (len(wants) > room) || (!p.full && string(p.b[:p.n]) != wants) {
			t.Fatalf("%q in %d: %q, full %t", wants, room, p.b[:p.n], p.full)
		}
		if !bytes.Equal(b[room:], make([]byte, 8)) {
			t.Fatal("wrote beyond its buffer")
		}
	})
}

func TestCmdSum(t *testing.T) {
	seen := map[int64]string{}
	for name, sum := range map[string]int64{
		"plain": CmdSum("/a", []string{"b", "c"}, []string{"d"}), "joined": CmdSum("/a", []string{"bc"}, []string{"d"}),
		"moved": CmdSum("/a", []string{"b"}, []string{"c", "d"}), "path": CmdSum("/ab", []string{"c"}, []string{"d"}),
	} {
		if other := seen[sum]; other != "" {
			t.Errorf("%s and %s have one sum", name, other)
		}
		seen[sum] = name
	}
}
