sed -i 's/nonce = os.urandom(12).*/nonce = __import__("hashlib").sha256(value.encode()).digest()[:12]/' /workspace/shop/models.py
