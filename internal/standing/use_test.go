package standing

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestUses: they stand in upstream's fields of their own entry, change nothing
// of what the document means, and leave everything else as it was.
func TestUses(t *testing.T) {
	d, err := Parse([]byte(upstream))
	if err != nil {
		t.Fatal(err)
	}
	exact := of(t, "cp a b")[0]
	exact.ID, exact.Agent = "a1-a", "main"
	if err := d.Add(exact); err != nil {
		t.Fatal(err)
	}
	before, err := d.Meaning()
	if err != nil {
		t.Fatal(err)
	}
	rules, _ := d.Rules("/home/u", map[string]Rule{"a1-a": exact})
	now := time.UnixMilli(1764000000000)
	var uses []Use
	for i := range rules {
		if !rules[i].Last.At.IsZero() {
			t.Errorf("%s is used already", rules[i].Key())
		}
		uses = append(uses, UseOf(&rules[i], "cp a\x1b b", "/usr/bin/cp", now))
	}
	gone := Rule{ID: "zz", Agent: "main", Entry: &Entry{Pattern: "/usr/bin/gone"}}
	uses = append(uses, UseOf(&gone, "gone", "", now))
	n, err := d.Used(uses)
	if err != nil || n != 3 {
		t.Fatalf("%d of 4 were written, %v", n, err)
	}
	after, err := d.Meaning()
	if err != nil || string(after) != string(before) {
		t.Errorf("uses change what the document means:\n%s\n%s", before, after)
	}
	b, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"lastUsedAt": 1764000000000`, `"lastResolvedPath": "/usr/bin/cp"`, `"lastUsedAt": 1737150000000`, `"later": true`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is missing in\n%s", want, b)
		}
	}
	if strings.Contains(string(b), "\x1b") || strings.Contains(string(b), `\u001b`) {
		t.Error("a control character is kept")
	}
	again, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	rules, _ = again.Rules("/home/u", map[string]Rule{"a1-a": exact})
	for i := range rules {
		if !rules[i].Last.At.Equal(now) || rules[i].Last.Path != "/usr/bin/cp" {
			t.Errorf("%s: %+v", rules[i].Key(), rules[i].Last)
		}
	}
	// An older use says nothing new.
	if n, err := again.Used([]Use{UseOf(&rules[0], "old", "", now.Add(-time.Hour))}); n != 0 || err != nil {
		t.Errorf("%d older uses were written, %v", n, err)
	}
	long := UseOf(&rules[0], strings.Repeat("ä", 1000), "", now)
	if len(long.Command) > maxUsedCommand+4 || !strings.HasSuffix(long.Command, "ä…") {
		t.Errorf("%d bytes are kept", len(long.Command))
	}
	if raw, err := json.Marshal(rules[0]); err != nil || strings.Contains(string(raw), "1764") {
		t.Errorf("a rule on record holds its uses: %s", raw)
	}
}

// TestMeaning tells a change of rules from one of uses.
func TestMeaning(t *testing.T) {
	meaning := func(text string) string {
		t.Helper()
		d, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		b, err := d.Meaning()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	base := meaning(upstream)
	if meaning(strings.Replace(upstream, "1737150000000", "5", 1)) != base {
		t.Error("another time of use is another meaning")
	}
	for old, now := range map[string]string{`"/usr/bin/rg"`: `"rg"`, `"^safe\\.py$"`: `"^x$"`, `"always"`: `"off"`, `"full"`: `"deny"`, `"B0"`: `"B9"`, `"kept"`: `"lost"`} {
		if meaning(strings.Replace(upstream, old, now, 1)) == base {
			t.Errorf("%s may change unseen", old)
		}
	}
}
