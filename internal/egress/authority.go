package egress

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// Lives of what the authority makes. A gateway that runs for longer makes a
// new one; runs that began before then keep the old one's bundle and fail.
const (
	authorityLife = 14 * 24 * time.Hour
	leafLife      = 48 * time.Hour
)

// authority signs for the hosts that have a binding, so that the proxy can
// look into their connections (R60). Its key is made at the first use, is in
// memory only, and signs for no other name.
type authority struct {
	mu     sync.Mutex
	hosts  []string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	leaves map[string]*tls.Certificate
}

// boundNow lists the secrets that may be put in now.
func (e *Egress) boundNow() []Bound {
	if e.bindings == nil {
		return nil
	}
	return e.bindings()
}

// boundHosts are the hosts that are looked into.
func (e *Egress) boundHosts() []string {
	var out []string
	for _, b := range e.boundNow() {
		out = append(out, b.Host)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TrustBundle is what a run has to trust, in PEM: the roots of this machine and
// the certificate that signs for the hosts that have a binding. It is an error
// when no host has one. Nothing of the gateway's own trusts that certificate.
func (e *Egress) TrustBundle() ([]byte, error) {
	own, err := e.ownCertificate()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, path := range bundles {
		if b, err := os.ReadFile(path); err == nil {
			out.Write(b)
			break
		}
	}
	if e.caFile != "" {
		b, err := os.ReadFile(e.caFile)
		if err != nil {
			return nil, fmt.Errorf("egress: gateway.egress.caFile: %w", err)
		}
		out.WriteByte('\n')
		out.Write(b)
	}
	out.WriteByte('\n')
	out.Write(own)
	return out.Bytes(), nil
}

func (e *Egress) ownCertificate() ([]byte, error) {
	hosts := e.boundHosts()
	if len(hosts) == 0 {
		return nil, errors.New("egress: no host has a binding, so there is nothing to trust")
	}
	a := &e.authority
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.renew(hosts, e.now()); err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), nil
}

// renew makes an authority for exactly these hosts unless there is one.
func (a *authority) renew(hosts []string, now time.Time) error {
	if a.cert != nil && slices.Equal(a.hosts, hosts) && now.Before(a.cert.NotAfter.Add(-leafLife)) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("egress: authority: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "openclaw egress, this gateway's runs only"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: hosts,
		ExcludedIPRanges: []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}},
	}
	cert, err := sign(t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	a.cert, a.key, a.hosts, a.leaves = cert, key, slices.Clone(hosts), map[string]*tls.Certificate{}
	return nil
}

// leaf is the certificate for a bound host.
func (e *Egress) leaf(host string) (*tls.Certificate, error) {
	hosts := e.boundHosts()
	if !slices.Contains(hosts, host) {
		return nil, fmt.Errorf("egress: %q has no binding", host)
	}
	a, now := &e.authority, e.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.renew(hosts, now); err != nil {
		return nil, err
	}
	if l := a.leaves[host]; l != nil && now.Before(l.Leaf.NotAfter.Add(-time.Hour)) {
		return l, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("egress: certificate for %q: %w", host, err)
	}
	cert, err := sign(&x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(leafLife), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	l := &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
	a.leaves[host] = l
	return l, nil
}

func sign(t, parent *x509.Certificate, pub *ecdsa.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	raw, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("egress: certificate: %w", err)
	}
	id := sha256.Sum256(raw)
	t.SubjectKeyId = id[:20]
	der, err := x509.CreateCertificate(rand.Reader, t, parent, pub, key)
	if err != nil {
		return nil, fmt.Errorf("egress: certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("egress: certificate: %w", err)
	}
	return cert, nil
}

func serial() *big.Int {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails: the runtime ends the program instead
	raw[0] &= 0x7f
	return new(big.Int).SetBytes(raw)
}
