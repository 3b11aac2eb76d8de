package plain

import (
	"fmt"
	"strings"
	"testing"
)

func isKey(name, _ string) bool {
	return strings.HasSuffix(name, "_KEY") || strings.HasSuffix(name, "_TOKEN")
}

func TestVariables(t *testing.T) {
	text := strings.Join([]string{
		`# a comment with A_KEY=x`,
		`export A_KEY="one two"`,
		`B_TOKEN=three # said`,
		`  C_KEY='four'`,
		`set -gx D_KEY five`,
		`export E_KEY="$HOME/x"`,
		"F_KEY=`cat x`",
		`G_KEY="a"b`,
		`H_KEY=`,
		`PATH=/usr/bin:/bin`,
		`echo A_KEY B`,
		`alias J_KEY="x y"`,
		`K_KEY=ten;`,
		`if true; then L_KEY=x; fi`,
		`M_KEY="no end`,
		``,
	}, "\n")
	found := Variables([]byte(text), isKey)
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%s:%d:%s", f.Name, f.Line, f.Value))
	}
	want := "A_KEY:2:one two B_TOKEN:3:three C_KEY:4:four D_KEY:5:five K_KEY:13:ten"
	if strings.Join(got, " ") != want {
		t.Errorf("found %s\nexpected %s", strings.Join(got, " "), want)
	}
	left := string(WithoutVariables([]byte(text), found))
	for _, f := range found {
		if strings.Contains(left, f.Value) {
			t.Errorf("%s is still there", f)
		}
	}
	if n := strings.Count(left, "\n"); n != strings.Count(text, "\n") {
		t.Errorf("%d lines remain of %d", n, strings.Count(text, "\n"))
	}
	if again := Variables([]byte(left), isKey); len(again) != 0 {
		t.Errorf("a second look finds %v", again)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if s := fmt.Sprintf(verb, found); strings.Contains(s, "one two") || strings.Contains(s, "three") {
			t.Errorf("%s prints a value: %s", verb, s)
		}
	}
}

func TestProfiles(t *testing.T) {
	text := `{
  "version": 1,
  "profiles": {
    "openai:default": {"type": "api_key", "provider": "openai", "key": "value-of-openai"},
    "openai:second": {"type": "api_key", "provider": "openai", "key": "value-of-second"},
    "anthropic:x": {"type": "token", "provider": "anthropic", "token": "value-of-anthropic"},
    "codex:y": {"type": "oauth", "provider": "codex", "access": "a", "refresh": "b"},
    "env:z": {"type": "api_key", "provider": "env", "key": "${ENV_KEY}"},
    "gone:q": {"type": "api_key", "provider": "gone", "keyRef": {"source": "env", "id": "GONE"}}
  }
}`
	found, err := Profiles([]byte(text))
	if err != nil || len(found) != 3 {
		t.Fatalf("%v, %v", found, err)
	}
	for i, want := range []string{"OPENAI_API_KEY:openai:4", "OPENAI_API_KEY_2:openai:5", "ANTHROPIC_TOKEN:anthropic:6"} {
		if got := fmt.Sprintf("%s:%s:%d", found[i].Name, found[i].Provider, found[i].Line); got != want {
			t.Errorf("found %s, expected %s", got, want)
		}
	}
	out, err := WithoutProfiles([]byte(text), found)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "value-of-") || strings.Count(string(out), `"store"`) != 3 || !strings.Contains(string(out), `"refresh"`) {
		t.Errorf("%s", out)
	}
	if again, err := Profiles(out); err != nil || len(again) != 0 {
		t.Errorf("a second look finds %v, %v", again, err)
	}
	for _, bad := range []string{"", "{", "[]", `{"profiles": 3}`, `{"profiles": {"a": 1}}`} {
		if f, _ := Profiles([]byte(bad)); len(f) != 0 {
			t.Errorf("%q: %v", bad, f)
		}
	}
}

func TestName(t *testing.T) {
	for want, words := range map[string][]string{
		"TELEGRAM_BOT_TOKEN": {"telegram", "botToken"}, "OPENAI_API_KEY": {"openai", "apiKey"}, "SECRET_1": {"1"}, "SECRET": {""},
		"MY_PROXY_AUTH_2": {"my-proxy", "auth", "2"}, "A": {"--", "a"},
	} {
		if got := Name(words...); got != want {
			t.Errorf("%q: %q, expected %q", words, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte("export A_KEY=1\nB_TOKEN='x'"))
	f.Add([]byte(`{"profiles":{"a":{"type":"api_key","key":"v"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		found := Variables(text, isKey)
		left := WithoutVariables(text, found)
		if len(found) == 0 && string(left) != string(text) {
			t.Fatal("a text without credentials was changed")
		}
		if again := Variables(left, isKey); len(again) != 0 {
			t.Fatalf("a second look finds %v", again)
		}
		p, err := Profiles(text)
		if err != nil || len(p) == 0 {
			return
		}
		out, err := WithoutProfiles(text, p)
		if err != nil {
			return
		}
		if again, err := Profiles(out); err != nil || len(again) != 0 {
			t.Fatalf("a second look finds %v, %v", again, err)
		}
	})
}
