package chain

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Skim reads what Decode reads, whatever the fields hold, and refuses a line
// whose bytes were changed.
func TestSkimIsDecode(t *testing.T) {
	word := rapid.StringMatching(`[a-z0-9:/"\\ é␊.-]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{Seq: rapid.Uint64Range(0, 1<<40).Draw(t, "seq"), Time: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), 7).UTC(), Event: "decision",
			Agent: claw.AgentID(word.Draw(t, "agent")), Session: claw.SessionKey(word.Draw(t, "session")), Run: claw.RunID(word.Draw(t, "run")), Call: claw.CallID(word.Draw(t, "call")),
			Phase: rapid.SampledFrom([]Phase{Single, Intent}).Draw(t, "phase"), Digest: rapid.StringMatching(`([0-9a-f]{2}){0,8}`).Draw(t, "digest")}
		if rapid.Bool().Draw(t, "somebody") {
			e.Principal = claw.Principal{Surface: claw.SurfaceCLI, Standing: rapid.SampledFrom([]claw.Standing{claw.Stranger, claw.Member, claw.Owner}).Draw(t, "standing"), Name: word.Draw(t, "name"), Sender: claw.SenderID(word.Draw(t, "sender"))}
		}
		if rapid.Bool().Draw(t, "effect") {
			e.Phase, e.Ref = Outcome, e.Seq
		}
		if rapid.Bool().Draw(t, "data") {
			e.Data = []byte(`{"prev":"x","agent":"y"}`)
		}
		line, _, err := Encode(nil, &e)
		if err != nil {
			return // an entry that cannot be written
		}
		want, err := Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Skim(line)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\ngot  %+v (%v)\nwant %+v", line, got, err, want)
		}
		at := rapid.IntRange(0, len(line)-1).Draw(t, "at")
		line[at] ^= 1
		if _, err := Skim(line); err == nil {
			t.Fatalf("a changed byte %d of %s is read", at, line)
		}
	})
}

func BenchmarkSkim(b *testing.B) {
	e := Entry{Seq: 7, Time: time.Unix(1, 2).UTC(), Event: "decision", Agent: "main", Session: "agent:main:main", Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}, Run: "r", Call: "c",
		Data: []byte(`{"text":"x"}`)}
	for len(e.Data) < 1500 {
		e.Data = append(e.Data[:len(e.Data)-1], `,"more":"of what a decision says"}`...)
	}
	line, _, err := Encode(nil, &e)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("skim", func(b *testing.B) {
		for b.Loop() {
			if _, err := Skim(line); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := Decode(line); err != nil {
				b.Fatal(err)
			}
		}
	})
}
