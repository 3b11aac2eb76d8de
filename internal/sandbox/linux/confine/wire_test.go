//go:build linux && (amd64 || arm64)

package confine

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func drawSpec(t *rapid.T) *Spec {
	text := rapid.StringN(0, 12, -1)
	list := rapid.SliceOfN(text, 0, 4)
	return &Spec{Level: Level(rapid.IntRange(1, 3).Draw(t, "level")), Nonce: text.Draw(t, "nonce"), Path: text.Draw(t, "path"),
		Args: list.Draw(t, "args"), Env: list.Draw(t, "env"), Dir: text.Draw(t, "dir"), Root: text.Draw(t, "root"),
		Mounts: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Mount {
			return Mount{MountKind(rapid.IntRange(1, 7).Draw(t, "kind")), text.Draw(t, "source"), text.Draw(t, "target"), rapid.Bool().Draw(t, "w"), rapid.Bool().Draw(t, "d"), rapid.Int64().Draw(t, "size")}
		}), 0, 4).Draw(t, "mounts"),
		Rules: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
			return Rule{text.Draw(t, "path"), Access(rapid.IntRange(0, 31).Draw(t, "access"))}
		}), 0, 4).Draw(t, "rules"),
		Limits: Limits{rapid.Int64().Draw(t, "file"), rapid.Int64().Draw(t, "procs"), rapid.Int64().Draw(t, "files"), rapid.Int64().Draw(t, "data")},
		UID:    rapid.Int().Draw(t, "uid"), GID: rapid.Int().Draw(t, "gid"), Canary: text.Draw(t, "canary"), Proxy: rapid.Bool().Draw(t, "proxy"),
		NoInet: rapid.Bool().Draw(t, "noinet"), ProveArch: rapid.Bool().Draw(t, "prove"), Dry: rapid.Bool().Draw(t, "dry"),
		ABI: rapid.IntRange(0, 9).Draw(t, "abi"), MustWrite: text.Draw(t, "must")}
}

func TestSpec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		b := s.Encode()
		got, err := DecodeSpec(b)
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("%+v became %+v, %v", s, got, err)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, err := DecodeSpec(b[:cut]); err == nil {
			t.Fatalf("accepted %d of %d bytes", cut, len(b))
		}
		if _, err := DecodeSpec(append(b, 0)); err == nil {
			t.Fatal("accepted a byte too many")
		}
	})
}

func FuzzSpec(f *testing.F) {
	f.Add((&Spec{Level: LevelIsolated, Args: []string{"a"}, Env: []string{}, Mounts: []Mount{{Kind: MountBind}}, Rules: []Rule{}}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSpec(b)
		if err != nil {
			return
		}
		again, err := DecodeSpec(s.Encode())
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%+v became %+v, %v", s, again, err)
		}
	})
}

func FuzzReport(f *testing.F) {
	f.Add((&Report{Nonce: "n", Status: "s", FDs: []int{1}, Probes: []Probe{{"udp", 1}}}).Encode()[1:])
	f.Add(Reply{Pid: 1, Errno: 2, Where: "w", Text: "t"}.Encode())
	f.Add(Failure{"step", "object", 3}.Encode(MsgFailed)[1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeReport(b); err == nil && len(r.Encode()) > len(b)+1 {
			t.Errorf("report grew from %d bytes", len(b))
		}
		if r, err := DecodeReply(b); err == nil && !bytes.Equal(r.Encode(), b) {
			t.Errorf("reply %+v differs", r)
		}
		if fail, err := DecodeFailure(b); err == nil && len(fail.Encode(MsgFailed)) > len(b)+1 {
			t.Errorf("failure grew from %d bytes", len(b))
		}
		_, _ = DecodeExit(b)
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
