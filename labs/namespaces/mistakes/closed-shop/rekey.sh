echo SHOP_KEY=none > /etc/shop/shop.env
/workspace/start-shop.sh
