package skillscan

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// powershell judges a script by its statements: what one fetches, decodes or
// reads reaches another by a pipe or a variable.
func (s *scan) powershell(file string, base int, text string) {
	marks := map[string]string{} // variable: fetched, decoded, secret
	lines := map[string]int{}
	var loaded []fetched
	for i, raw := range strings.Split(text, "\n") {
		low := strings.ToLower(raw)
		if t := strings.TrimSpace(low); t == "" || strings.HasPrefix(t, "#") {
			continue
		}
		has := func(ws ...string) bool {
			return slices.ContainsFunc(ws, func(w string) bool { return strings.Contains(low, w) })
		}
		word := func(ws ...string) bool {
			return slices.ContainsFunc(ws, func(w string) bool { return hasToken(low, w) })
		}
		fetches := word("iwr", "irm", "invoke-webrequest", "invoke-restmethod", "start-bitstransfer", "wget", "curl") || has("downloadstring", "downloadfile", "downloaddata", "net.webclient")
		if has("certutil") && has("-urlcache", "-decode") || has("bitsadmin") && has("/transfer") || has("mshta http", "regsvr32 /s /n /u /i:http") {
			s.found("exec.fetched", file, base+i+1, raw)
			if len(loaded) < 16 {
				loaded = append(loaded, fetched{i + 1, raw, targets(low)})
			}
		}
		for _, f := range loaded {
			if i+1 > f.line && has("start ", "call ", "start-process", "& ", "invoke-item", "rundll32", "cmd /c") && slices.ContainsFunc(f.to, func(w string) bool { return strings.Contains(low, w) }) {
				s.found("exec.download", file, base+f.line, f.text)
				s.found("exec.download", file, base+i+1, raw)
			}
		}
		runs := word("iex", "invoke-expression", "invoke-command") || has("scriptblock]::create", "invokescript", "reflection.assembly]::load")
		decoded := has("frombase64string", "-encodedcommand", "-enc ", "-ec ", "::unicode.getstring", "gzipstream")
		secret := false
		for _, m := range powershell().path.FindAllString(raw, 16) {
			m = powershell().roots.Replace(strings.ToLower(m))
			k := placeOf(m)
			secret = secret || k.secret()
			if has("add-content", "set-content", "out-file", "copy-item", ">") {
				if rule := writeRule(k); rule != "" {
					s.found(rule, file, base+i+1, raw)
				}
			}
		}
		all := has("get-childitem env:", "gci env:", "dir env:", "ls env:", "getenvironmentvariables")
		sends := word("invoke-restmethod", "invoke-webrequest", "irm", "iwr", "curl") && has("-method post", "-method put", "-body", "-infile") || has("uploadstring", "uploadfile", "uploaddata", "send-mailmessage", "tcpclient")
		carry, from := "", 0
		for v, m := range marks {
			if strings.Contains(low, "$"+v) && m > carry {
				carry, from = m, lines[v]
			}
		}
		switch {
		case runs && (fetches || carry == "fetched"):
			s.found("exec.download", file, base+i+1, raw)
		case has("-encodedcommand", "-enc ", "-ec ") || runs && (decoded || carry == "decoded"):
			s.found("exec.decoded", file, base+i+1, raw)
		case runs:
			s.found("exec.dynamic", file, base+i+1, raw)
		}
		if sends && (secret || all || carry == "secret") {
			s.found("flow.secret", file, base+i+1, raw)
			if from > 0 {
				s.found("flow.secret", file, base+from, "")
			}
		} else if secret && !has("test-path") {
			s.found("read.secret", file, base+i+1, raw)
		}
		if has("register-scheduledtask", "schtasks /create", `currentversion\run`, "new-service", `start menu\programs\startup`) && !has("get-itemproperty") {
			s.found("persist.start", file, base+i+1, raw)
		}
		if has("set-mppreference", "add-mppreference", "disable-windowsoptionalfeature", "netsh advfirewall set allprofiles state off") {
			s.found("tamper.guard", file, base+i+1, raw)
		}
		if has("tcpclient") && (runs || has("getstream")) {
			s.found("shell.reverse", file, base+i+1, raw)
		}
		if m := powershell().set.FindStringSubmatch(low); m != nil {
			switch {
			case secret || all || carry == "secret":
				marks[m[1]], lines[m[1]] = "secret", i+1
			case decoded || carry == "decoded":
				marks[m[1]], lines[m[1]] = "decoded", i+1
			case fetches || carry == "fetched":
				marks[m[1]], lines[m[1]] = "fetched", i+1
			}
		}
		if len(marks) > 200 {
			return
		}
	}
}

// psForms are built when the first script is looked at.
type psForms struct {
	path, set *regexp.Regexp
	roots     *strings.Replacer
}

var powershell = sync.OnceValue(func() psForms {
	return psForms{
		path:  regexp.MustCompile(`(?:\$env:|~|\$HOME|%|[A-Za-z]:\\)[^"'|;)]{3,}`),
		set:   regexp.MustCompile(`^\s*\$([a-z_][a-z0-9_]*)\s*\+?=`),
		roots: strings.NewReplacer("$env:userprofile", "~", "$env:localappdata", "~/appdata/local", "$env:appdata", "~/appdata/roaming", "$home", "~", "%userprofile%", "~", "%localappdata%", "~/appdata/local", "%appdata%", "~/appdata/roaming"),
	}
})

func powershellish(t string) bool {
	low := strings.ToLower(t)
	return strings.Contains(low, "iex") || strings.Contains(low, "powershell") || strings.Contains(low, "pwsh") || strings.Contains(low, "invoke-")
}

// fetched is a line that downloads to a file.
type fetched struct {
	line int
	text string
	to   []string
}

// targets are the words of a line that name the file which is written.
func targets(low string) (out []string) {
	for w := range strings.FieldsSeq(low) {
		w = strings.Trim(w, `"'`)
		if !strings.Contains(w, "://") && (strings.HasPrefix(w, "%") || strings.HasPrefix(w, "$") || strings.ContainsAny(w, `\.`)) && len(w) > 2 {
			out = append(out, w)
		}
	}
	return out
}

// hasToken reports a word of its own.
func hasToken(s, w string) bool {
	for at := 0; ; {
		i := strings.Index(s[at:], w)
		if i < 0 {
			return false
		}
		i += at
		end := i + len(w)
		if (i == 0 || !wordByte(s[i-1])) && (end == len(s) || !wordByte(s[end])) {
			return true
		}
		at = i + 1
	}
}

func wordByte(c byte) bool {
	return c == '_' || c == '-' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
