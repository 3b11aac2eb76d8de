package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
)

// execRequest is what a provider's program reads on its standard input.
type execRequest struct {
	ProtocolVersion int      `json:"protocolVersion"`
	Provider        string   `json:"provider"`
	IDs             []string `json:"ids"`
}

// execAnswer is what it prints.
type execAnswer struct {
	ProtocolVersion int                        `json:"protocolVersion"`
	Values          map[string]json.RawMessage `json:"values"`
	Errors          map[string]struct {
		Message string `json:"message"`
	} `json:"errors"`
}

// exec asks a program through the Starter. What the program prints on failure
// is not repeated: it may be the secret.
func (r *Resolver) exec(ctx context.Context, ref Ref) (Secret, *reason) {
	p, why := r.provider(ref)
	if why != nil {
		return Secret{}, why
	}
	if r.o.Starter == nil {
		return Secret{}, because("use a file or env reference", "programs are not started here")
	}
	if why := checkCommand(p); why != nil {
		return Secret{}, why
	}
	ask, err := json.Marshal(execRequest{1, p.Name, []string{ref.ID}})
	if err != nil {
		return Secret{}, because("", "%v", err)
	}
	h := Helper{
		Argv: append([]string{p.Command}, p.Args...), Env: r.helperEnv(p), Stdin: bytes.NewReader(ask),
		MaxOutput: orDefault(p.MaxOutputBytes, DefaultMaxOutputBytes), Timeout: p.Timeout, NoOutputTimeout: p.NoOutputTimeout,
	}
	if h.Timeout <= 0 {
		h.Timeout = DefaultTimeout
	}
	if h.NoOutputTimeout <= 0 {
		h.NoOutputTimeout = DefaultNoOutputTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	out, err := r.o.Starter.Start(ctx, h)
	defer clear(out)
	if err != nil {
		return Secret{}, because("run the program by hand to see why", "the program %q failed", p.Command)
	}
	if int64(len(out)) > h.MaxOutput {
		return Secret{}, because("", "the program %q printed more than %d bytes", p.Command, h.MaxOutput)
	}
	return readAnswer(p, ref.ID, out)
}

func readAnswer(p Provider, id string, out []byte) (Secret, *reason) {
	var a execAnswer
	err := json.Unmarshal(out, &a)
	if err != nil && p.PlainOutput {
		return NewSecret(bytes.TrimRight(out, "\r\n")), nil
	}
	if err != nil {
		return Secret{}, because("set jsonOnly to false if it prints the value alone", "the program %q did not print JSON", p.Command)
	}
	if a.ProtocolVersion != 1 {
		return Secret{}, because("", "the program %q speaks protocol %d, expected 1", p.Command, a.ProtocolVersion)
	}
	if _, failed := a.Errors[id]; failed {
		return Secret{}, because("run the program by hand to see why", "the program %q reports an error for %q", p.Command, id)
	}
	var text string
	if json.Unmarshal(a.Values[id], &text) != nil {
		return Secret{}, because("", "the program %q gave no text for %q", p.Command, id)
	}
	return NewSecret([]byte(text)), nil
}

// checkCommand judges where the program stands before anything starts it.
func checkCommand(p Provider) *reason {
	if !filepath.IsAbs(p.Command) || filepath.Clean(p.Command) != p.Command {
		return because("", "the command %q of provider %q is not a clean absolute path", p.Command, p.Name)
	}
	real, err := filepath.EvalSymlinks(p.Command)
	if err != nil {
		return because("", "the command %q of provider %q is not there", p.Command, p.Name)
	}
	if real != p.Command && !p.AllowSymlinkCommand {
		return because("give that path, or set allowSymlinkCommand", "the command %q of provider %q is a link to %q", p.Command, p.Name, real)
	}
	if p.TrustedDirs != nil && !slices.ContainsFunc(p.TrustedDirs, func(dir string) bool {
		rel, err := filepath.Rel(dir, real)
		return err == nil && filepath.IsLocal(rel) && rel != "."
	}) {
		return because("", "the command %q of provider %q stands in none of its trustedDirs", real, p.Name)
	}
	if err := trustedProgram(real); err != nil {
		return because("chmod go-w it and the directories above", "%v", err)
	}
	return nil
}

// helperEnv is the whole environment of the program.
func (r *Resolver) helperEnv(p Provider) []string {
	set := map[string]string{}
	for _, name := range p.PassEnv {
		if v, ok := r.lookup(name); ok {
			set[name] = v
		}
	}
	for name, v := range p.Env {
		set[name] = v
	}
	out := make([]string, 0, len(set))
	for name, v := range set {
		out = append(out, name+"="+v)
	}
	slices.Sort(out)
	return out
}
