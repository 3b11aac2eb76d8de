package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// Whatever stands in a file: no panic, a place for every problem, a redacted
// copy that is sound, and Invalid wherever a guard's error is.
func FuzzParse(f *testing.F) {
	text, err := HomeText(Home{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(text))
	for _, s := range guideForms {
		f.Add([]byte(s))
	}
	f.Add([]byte(`{gateway:null,tools:{exec:[],deny:[[]],agents:{"":{}}},agents:{list:[1,{}],entries:{A:{id:"b"}}}}`))
	f.Add([]byte(`{env:{A:"${B}"},messages:{responsePrefix:"$${A}${A}${"},channels:{telegram:{streaming:true,allowFrom:"x"}}}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, ps := ParseBytes("f", src, env("A", "1"))
		for _, p := range ps {
			if p.Where.Line < 1 || p.Where.Column < 1 || p.String() == "" {
				t.Fatalf("a problem without a place: %+v", p)
			}
		}
		if json5.Parse("f", src).Err() != nil && !ps.HasErrors() {
			t.Fatal("a broken file is accepted")
		}
		if n := c.Redacted(); n != nil && !json.Valid([]byte(n.JSON())) {
			t.Fatal("the redacted copy is broken")
		}
		if c.Tools.Exec.Security.Set && c.Tools.Exec.Security.Invalid {
			t.Fatal("set and invalid")
		}
		if len(c.Agents.All()) == 0 && !ps.HasErrors() {
			t.Fatal("no agent")
		}
	})
}

// The schema is JSON, knows every definition it points to, and refuses the
// unknown keys of guards.
func TestSchema(t *testing.T) {
	var s struct {
		Properties map[string]any            `json:"properties"`
		Defs       map[string]map[string]any `json:"$defs"`
	}
	text := Schema()
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(text, `"#/$defs/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if s.Defs[name] == nil {
			t.Errorf("no definition %q", name)
		}
	}
	for _, name := range []string{"Tools", "ToolSet", "Exec", "Gateway", "GatewayAuth", "Sandbox", "Skills", "Hooks"} {
		if s.Defs[name]["additionalProperties"] != false {
			t.Errorf("%s lets unknown keys pass", name)
		}
	}
	if s.Properties["gateway"] == nil || s.Properties["wizard"] == nil {
		t.Error("keys of the root are missing")
	}
	if Schema() != text {
		t.Error("the schema differs from run to run")
	}
}

func BenchmarkParse(b *testing.B) {
	text, err := HomeText(Home{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		ParseBytes("openclaw.json", []byte(text), nil)
	}
}
