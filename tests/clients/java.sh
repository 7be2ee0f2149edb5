#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Java 17's SunPKCS11: keytool lists, makes keys and requests, takes certificates and deletes; jarsigner signs; a small
# program logs in to a TLS server. Plain PIN and protected path.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
jdk=''
for folder in /usr/lib/jvm/java-17-openjdk-*/bin; do
	[ ! -x "$folder/jarsigner" ] || jdk=$folder
done
[ -n "$jdk" ] || { echo "openjdk-17-jdk-headless is not installed"; exit 77; }
clients_start "$@"
version java "$jdk/java" -version
export JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.home=$NS_DIR"
printf '%s\n' "name=ukey" "library=$module" "slotListIndex=0" >p11.cfg
store=(-keystore NONE -storetype PKCS11)
provider=(-providerClass sun.security.pkcs11.SunPKCS11 -providerArg p11.cfg)
login=(-storepass "$pin")

kt()
{
	timeout 60 "$jdk/keytool" "$@" "${store[@]}" "${provider[@]}" "${login[@]}"
}
sign_jar() # KEY
{
	cp plain.jar signed.jar
	timeout 60 "$jdk/jarsigner" "${store[@]}" "${provider[@]}" "${login[@]}" signed.jar "${label[$1]}"
}

one_line()
{
	"$@" | tr -s '\n' ' '
}

# ---- keytool ----
says "keytool -list" "${label[ec]}, PrivateKeyEntry" kt -list
says "keytool -list -v" "Owner: CN=holder rsa" kt -list -v -alias "${label[rsa]}"
try "keytool -certreq" kt -certreq -alias "${label[rsa]}" -file new.csr
says "  openssl agrees" "verify OK" openssl req -in new.csr -verify -noout
# Java makes RSA keys by itself and would put them on the token: keys are born there, or not at all.
fails "a key that was made outside does not go in" "CKR_TEMPLATE_INCOMPLETE" kt -genkeypair -alias soft -keyalg RSA -dname CN=soft
if own "keys are made with the management key there"; then
	# EC keys it has the token make, when the configuration says that they shall stay.
	echo 'attributes(generate, *, *) = { CKA_TOKEN = true }' >>p11.cfg
	try "keytool -genkeypair, EC" kt -genkeypair -alias born -keyalg EC -groupname secp256r1 -dname CN=born
	try "  -certreq" kt -certreq -alias born -file born.csr
	openssl x509 -req -in born.csr -CA ca.pem -CAkey ca.key -set_serial 77 -days 3 -out born.pem 2>/dev/null
	# Java gives the CA's certificate its subject, issuer and number as CKA_ID, more than the 32 bytes that a token has: it
	# is kept by the SHA-256 of that. Java reads it back, and later removes the whole chain by what it read.
	cat born.pem ca.pem >chain.pem
	try "  -importcert, the CA's certificate behind the holder's" kt -importcert -noprompt -alias born -file chain.pem
	says "  both are there" "Certificate chain length: 2" kt -list -v -alias born
	says "  the holder's first" "Certificate\[1\]: Owner: CN=born Issuer: CN=Test CA" one_line kt -list -v -alias born
	says "  the token sees the holder's beside its key" "born" u cert list
	try "  -delete" kt -delete -alias born
	lacks "  and gone" "born" kt -list
	says "  the CA's stays as long as others on the token come from it" "Test CA" u cert list
	fails "a CA's certificate alone: Java itself refuses" "may only be set by token initialization" \
		kt -importcert -noprompt -alias ca -file ca.pem
	sed -i '/^attributes/d' p11.cfg
fi
login=(-storepass 000000)
fails "a wrong PIN" "CKR_PIN_INCORRECT" kt -list -v
login=(-storepass "$pin")
try "the right one" kt -list

# ---- jarsigner ----
mkdir jar && echo hello >jar/file
"$jdk/jar" cf plain.jar -C jar file 2>/dev/null
if piv; then
	fails "a key that wants its PIN each time is beyond Java 17" "." sign_jar ec
fi
for key in "${ready[@]}"; do
	try "jarsigner, $key" sign_jar "$key"
	says "  jar verified, signed by the holder" "CN=holder $key" "$jdk/jarsigner" -verify -verbose -certs signed.jar
done

# ---- TLS ----
cat >Page.java <<'END'
import java.io.*;
import java.net.*;
import java.security.*;
import javax.net.ssl.*;

class Page {
	public static void main(String[] a) throws Exception {
		Provider p = Security.getProvider("SunPKCS11").configure("p11.cfg");
		Security.addProvider(p);
		KeyStore.ProtectionParameter pin = new KeyStore.PasswordProtection(a[0].isEmpty() ? null : a[0].toCharArray());
		KeyStore token = KeyStore.Builder.newInstance("PKCS11", p, pin).getKeyStore();
		String alias = a[1];
		final PrivateKey key = (PrivateKey)token.getKey(alias, null);
		final java.security.cert.X509Certificate own = (java.security.cert.X509Certificate)token.getCertificate(alias);
		KeyManager only = new X509ExtendedKeyManager() {
			public String chooseClientAlias(String[] t, Principal[] i, Socket s) { return alias; }
			public String chooseServerAlias(String t, Principal[] i, Socket s) { return null; }
			public String[] getClientAliases(String t, Principal[] i) { return new String[] {alias}; }
			public String[] getServerAliases(String t, Principal[] i) { return null; }
			public PrivateKey getPrivateKey(String x) { return key; }
			public java.security.cert.X509Certificate[] getCertificateChain(String x) {
				return new java.security.cert.X509Certificate[] {own};
			}
		};
		KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
		trusted.load(null, null);
		try (InputStream in = new FileInputStream("ca.pem")) {
			trusted.setCertificateEntry("ca",
				java.security.cert.CertificateFactory.getInstance("X.509").generateCertificate(in));
		}
		TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
		trust.init(trusted);
		SSLContext tls = SSLContext.getInstance(a[2]);
		tls.init(new KeyManager[] {only}, trust.getTrustManagers(), null);
		HttpsURLConnection c = (HttpsURLConnection)new URL("https://localhost:8443/").openConnection();
		c.setSSLSocketFactory(tls.getSocketFactory());
		c.getInputStream().transferTo(System.out);
	}
}
END
try "javac" "$jdk/javac" Page.java
page() # PIN KEY TLS
{
	timeout 60 "$jdk/java" -cp . Page "$@"
}
try "a server" server_start
for key in "${ready[@]}"; do
	for tls in TLSv1.3 TLSv1.2; do
		came_reset
		says "a TLS client, $key, $tls" "holder $key" page "$pin" "${label[$key]}" $tls
		try "  the server saw the holder" came "holder $key"
	done
done

# ---- protected path ----
login=(-protected)
protected "pin $pin" "pin 000000" "pin $pin" "pin $pin" "error 83886179"
says "keytool -protected" "${label[rsa]}, PrivateKeyEntry" kt -list
try "jarsigner -protected, after a wrong PIN" sign_jar "${ready[1]}"
says "  jar verified" "CN=holder ${ready[1]}" "$jdk/jarsigner" -verify -verbose -certs signed.jar
came_reset
says "a TLS client without a PIN" "holder rsa" page "" "${label[rsa]}" TLSv1.3
try "  the server saw the holder" came "holder rsa"
fails "the cancel button cancels" "CKR_FUNCTION_CANCELED|ancelled" kt -list -v
finish
