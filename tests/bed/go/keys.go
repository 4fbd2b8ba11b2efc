package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// newKeysCommand writes what the standard library of Python cannot make: key pairs and certificates.
//
//	keys init DIR                              ca.crt ca.key server.crt server.key sa.pub sa.key
//	keys client DIR --name N [--group G ...]   N.crt N.key, signed by DIR's CA
//	keys server DIR --name N [--host H ...]    the same, for a server with these names and addresses
func newKeysCommand() *cobra.Command {
	command := &cobra.Command{Use: "keys"}
	var name string
	var groups, hosts []string
	client := &cobra.Command{
		Use:  "client DIR",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return writeClient(args[0], name, groups) },
	}
	client.Flags().StringVar(&name, "name", "", "the user")
	client.Flags().StringArrayVar(&groups, "group", nil, "a group of the user")
	server := &cobra.Command{
		Use:  "server DIR",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return writeServer(args[0], name, hosts) },
	}
	server.Flags().StringVar(&name, "name", "", "the subject, and the name of the files")
	server.Flags().StringArrayVar(&hosts, "host", nil, "a name or address of the server")
	command.AddCommand(client, server, &cobra.Command{
		Use:  "init DIR",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return writeAll(args[0]) },
	})
	return command
}

func writeAll(directory string) error {
	authority := template("kubectl-lrs-bed")
	authority.IsCA, authority.BasicConstraintsValid = true, true
	authority.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	if err := issue(directory, "ca", authority, nil, nil); err != nil {
		return err
	}
	server := template("kube-apiserver")
	server.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default"}
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if err := issueSigned(directory, "server", server); err != nil {
		return err
	}
	return writeServiceAccountKeys(directory)
}

func writeServiceAccountKeys(directory string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := write(directory, "sa.key", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)); err != nil {
		return err
	}
	return write(directory, "sa.pub", "PUBLIC KEY", public)
}

func writeClient(directory, name string, groups []string) error {
	client := template(name)
	client.Subject.Organization = groups
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return issueSigned(directory, name, client)
}

// writeServer also allows the certificate for clients: members of a replica set call each other with it.
func writeServer(directory, name string, hosts []string) error {
	server := template(name)
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, host := range hosts {
		if address := net.ParseIP(host); address != nil {
			server.IPAddresses = append(server.IPAddresses, address)
		} else {
			server.DNSNames = append(server.DNSNames, host)
		}
	}
	return issueSigned(directory, name, server)
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func issueSigned(directory, name string, certificate *x509.Certificate) error {
	authority, err := os.ReadFile(filepath.Join(directory, "ca.crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(directory, "ca.key"))
	if err != nil {
		return err
	}
	certificateBlock, _ := pem.Decode(authority)
	keyBlock, _ := pem.Decode(key)
	parent, err := x509.ParseCertificate(certificateBlock.Bytes)
	if err != nil {
		return err
	}
	signer, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return err
	}
	return issue(directory, name, certificate, parent, signer.(crypto.Signer))
}

// issue makes a key and its certificate; without a parent it signs itself.
func issue(directory, name string, certificate, parent *x509.Certificate, signer crypto.Signer) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if parent == nil {
		parent, signer = certificate, key
	}
	signed, err := x509.CreateCertificate(rand.Reader, certificate, parent, &key.PublicKey, signer)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := write(directory, name+".key", "PRIVATE KEY", private); err != nil {
		return err
	}
	return write(directory, name+".crt", "CERTIFICATE", signed)
}

func write(directory, name, kind string, data []byte) error {
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})
	return os.WriteFile(filepath.Join(directory, name), block, 0o600)
}
