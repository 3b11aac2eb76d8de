package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Sources of a Resolver. Every field may be empty; what is missing leaves the
// references that need it unresolved.
type Options struct {
	// Env looks up a variable; app passes os.LookupEnv or a scrubbed copy.
	Env func(name string) (string, bool)
	// Providers are secrets.providers. A provider named "default" for env and
	// file exists without being configured.
	Providers []Provider
	// Credentials is <state>/credentials, the default file provider's home.
	Credentials string
	// Store is the encrypted store; nil: there is none here.
	Store *Store
	// Starter runs exec providers.
	Starter Starter
	// Live learns every value that was resolved.
	Live *Live
}

// Resolver turns references into secrets. Safe for concurrent use.
type Resolver struct{ o Options }

// New makes a Resolver.
func New(o Options) *Resolver { return &Resolver{o} }

// Resolve gives the value of ref. Key names the place in the configuration, for
// the error, which is always an *UnresolvedError. A value is never empty.
func (r *Resolver) Resolve(ctx context.Context, key string, ref Ref) (Secret, error) {
	s, why := r.resolve(ctx, ref)
	if why != nil {
		return Secret{}, &UnresolvedError{Key: key, Ref: ref.String(), Why: why.why, Hint: why.hint}
	}
	if s.Empty() {
		return Secret{}, &UnresolvedError{Key: key, Ref: ref.String(), Why: "the value is empty", Hint: "set a value"}
	}
	if r.o.Live != nil {
		r.o.Live.Add(s)
	}
	return s, nil
}

// reason is why there is no value; it never quotes one.
type reason struct{ why, hint string }

func because(hint, format string, args ...any) *reason {
	return &reason{fmt.Sprintf(format, args...), hint}
}

func (r *Resolver) resolve(ctx context.Context, ref Ref) (Secret, *reason) {
	if ref.Disabled {
		return Secret{}, because("", "references of a home that is not ours are not followed")
	}
	switch ref.Source {
	case SourceLiteral:
		return ref.Literal, nil
	case SourceTemplate:
		return r.template(ref)
	case SourceEnv:
		return r.env(ref)
	case SourceFile:
		return r.file(ctx, ref)
	case SourceExec:
		return r.exec(ctx, ref)
	case SourceStore:
		return r.store(ref)
	}
	return Secret{}, because("use env, file, exec or store", "source %q is not one of env, file, exec, store", string(ref.Source))
}

func (r *Resolver) template(ref Ref) (s Secret, why *reason) {
	err := ref.Literal.Use(func(text []byte) error {
		t, err := parseTemplate(string(text))
		if err != nil {
			return err
		}
		var b bytes.Buffer
		for i, part := range t.parts {
			b.WriteString(part)
			if i < len(t.names) {
				v, ok := r.lookup(t.names[i])
				if !ok {
					why = because("export "+t.names[i], "the variable %q is not set", t.names[i])
					return nil
				}
				b.WriteString(v)
				if r.o.Live != nil {
					r.o.Live.Add(NewSecret([]byte(v)))
				}
			}
		}
		s = NewSecret(b.Bytes())
		clear(b.Bytes())
		return nil
	})
	if err != nil && why == nil {
		why = because("write ${NAME}, or $${NAME} for the text itself", "the template holds %v", err)
	}
	return s, why
}

// lookup reads a variable; one that is set to nothing counts as not set.
func (r *Resolver) lookup(name string) (string, bool) {
	if r.o.Env == nil {
		return "", false
	}
	v, ok := r.o.Env(name)
	return v, ok && v != ""
}

func (r *Resolver) env(ref Ref) (Secret, *reason) {
	p, why := r.provider(ref)
	if why != nil {
		return Secret{}, why
	}
	if !envName().MatchString(ref.ID) {
		return Secret{}, because("", "%q is not the name of a variable", ref.ID)
	}
	if p.Allowlist != nil && !slices.Contains(p.Allowlist, ref.ID) {
		return Secret{}, because("add it to secrets.providers."+p.Name+".allowlist", "the provider %q does not allow the variable %q", p.Name, ref.ID)
	}
	v, ok := r.lookup(ref.ID)
	if !ok {
		return Secret{}, because("export "+ref.ID+" where the gateway starts, or put it into the service's environment file", "the variable %q is not set", ref.ID)
	}
	return NewSecret([]byte(v)), nil
}

// provider finds the configured provider of ref, or the built-in default.
func (r *Resolver) provider(ref Ref) (Provider, *reason) {
	name := ref.provider()
	var namesake *Provider
	for i := range r.o.Providers {
		p := &r.o.Providers[i]
		if p.Name != name {
			continue
		}
		if p.Source == ref.Source {
			return *p, nil
		}
		namesake = p
	}
	// The home's own file provider has the default's name too, and does not
	// hide the environment.
	if name == DefaultProvider && ref.Source == SourceEnv {
		return Provider{Name: name, Source: SourceEnv}, nil
	}
	if name == DefaultProvider && ref.Source == SourceFile && r.o.Credentials != "" {
		return Provider{Name: name, Source: SourceFile, Path: r.o.Credentials}, nil
	}
	if namesake != nil {
		return Provider{}, because("", "the provider %q is of source %q, the reference says %q", name, string(namesake.Source), string(ref.Source))
	}
	return Provider{}, because("define it under secrets.providers", "there is no provider %q for source %q", name, string(ref.Source))
}

func (r *Resolver) file(ctx context.Context, ref Ref) (Secret, *reason) {
	p, why := r.provider(ref)
	if why != nil {
		return Secret{}, why
	}
	if !filepath.IsAbs(p.Path) {
		return Secret{}, because("", "the path %q of provider %q is not absolute", p.Path, p.Name)
	}
	if p.Path == r.o.Credentials {
		return r.credential(ref.ID)
	}
	data, err := readPrivate(p.Path, orDefault(p.MaxBytes, DefaultMaxBytes))
	if err != nil {
		return Secret{}, because(hintFor(err, p.Path), "%v", err)
	}
	defer clear(data)
	if ctx.Err() != nil {
		return Secret{}, because("", "%v", ctx.Err())
	}
	switch p.Mode {
	case ModeSingleValue:
		if ref.ID != "value" && ref.ID != "" {
			return Secret{}, because(`use the id "value"`, "a single value file has no entry %q", ref.ID)
		}
		return NewSecret(bytes.TrimRight(data, "\r\n")), nil
	case ModeJSON, "":
		return pointer(data, ref.ID)
	}
	return Secret{}, because("", "the mode %q of provider %q is not json or singleValue", string(p.Mode), p.Name)
}

// credential reads one file of the credentials directory.
func (r *Resolver) credential(id string) (Secret, *reason) {
	if !credentialName().MatchString(id) {
		return Secret{}, because("", "%q is not the name of a credential", id)
	}
	path := filepath.Join(r.o.Credentials, id)
	data, err := readPrivate(path, DefaultMaxBytes)
	if err != nil {
		return Secret{}, because(hintFor(err, path), "%v", err)
	}
	defer clear(data)
	return NewSecret(bytes.TrimRight(data, "\r\n")), nil
}

// store reads one secret of the encrypted store.
func (r *Resolver) store(ref Ref) (Secret, *reason) {
	if ref.provider() != DefaultProvider {
		if _, why := r.provider(ref); why != nil {
			return Secret{}, why
		}
	}
	if !IsName(ref.ID) {
		return Secret{}, because("use A-Z, 0-9 and _", "%q is not the name of a stored secret", ref.ID)
	}
	if r.o.Store == nil {
		return Secret{}, because("use a file or env reference", "there is no encrypted store here")
	}
	s, err := r.o.Store.Get(ref.ID)
	if err == nil {
		return s, nil
	}
	var locked *LockedError
	hint := "openclaw secrets doctor"
	switch {
	case errors.Is(err, ErrNoStore), errors.Is(err, ErrNoSecret):
		hint = "openclaw secrets set " + ref.ID
	case errors.As(err, &locked):
		hint = locked.Hint()
	case errors.Is(err, ErrOld):
		hint = "openclaw secrets doctor; openclaw secrets accept takes the store as it is"
	}
	return Secret{}, because(hint, "%s", strings.TrimPrefix(err.Error(), "vault: "))
}

func orDefault(n, def int64) int64 {
	if n <= 0 {
		return def
	}
	return n
}

func hintFor(err error, path string) string {
	if errors.Is(err, os.ErrNotExist) {
		return "make the file " + path + " with mode 0600"
	}
	if errors.Is(err, errMode) {
		return "chmod 600 " + path
	}
	return ""
}

// pointer reads the text at a JSON pointer.
func pointer(data []byte, ptr string) (Secret, *reason) {
	if !strings.HasPrefix(ptr, "/") {
		return Secret{}, because(`write "/name"`, "the id %q is not a JSON pointer", ptr)
	}
	at := json.RawMessage(data)
	for _, raw := range strings.Split(ptr[1:], "/") {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(raw)
		next, ok := child(at, name)
		if !ok {
			return Secret{}, because("", "there is nothing at %q", ptr)
		}
		at = next
	}
	var text string
	if err := json.Unmarshal(at, &text); err != nil {
		return Secret{}, because("", "what stands at %q is not a text", ptr)
	}
	return NewSecret([]byte(text)), nil
}

func child(at json.RawMessage, name string) (json.RawMessage, bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal(at, &object) == nil {
		v, ok := object[name]
		return v, ok
	}
	var list []json.RawMessage
	i, err := strconv.Atoi(name)
	if json.Unmarshal(at, &list) != nil || err != nil || i < 0 || i >= len(list) || strconv.Itoa(i) != name {
		return nil, false
	}
	return list[i], true
}
